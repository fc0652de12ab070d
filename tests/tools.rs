//! The programs that finish videos: missing, broken, or gone while the workers run.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use domain::Role;
use tempfile::TempDir;

use crate::support::{TestApp, eventually, video};

/// What PATH leads to; a test takes away what it wants to be missing.
struct Tools(TempDir);

impl Tools {
    /// Links to all that finishing a video takes.
    fn new() -> Self {
        let tools = Self(tempfile::tempdir().unwrap());
        for name in ["ffmpeg", "ffprobe", "prlimit", "setpriv", "unshare", "true"] {
            tools.put(name);
        }
        tools
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str) {
        let folders = std::env::var_os("PATH").unwrap();
        let places = std::env::split_paths(&folders).map(|folder| folder.join(name));
        if let Some(place) = places.into_iter().find(|place| place.is_file()) {
            symlink(place, self.path(name)).unwrap();
        }
    }

    fn take(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// A program that does what the script says with `$real` standing for the one that it replaces.
    fn replace(&self, name: &str, script: &str) {
        let real = self.path(name).canonicalize().unwrap();
        let script = script.replace("$real", real.to_str().unwrap());
        let made = self.path("made");
        std::fs::write(&made, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&made, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::rename(made, self.path(name)).unwrap();
    }

    fn folder(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// What a worker that has this PATH says when it does not start.
async fn refusal(app: &TestApp, tools: &Path) -> String {
    let path = tools.to_str().unwrap();
    let outcome = app.run_with_variable("PATH", path, &["worker"]).await.expect(1);
    outcome.stderr
}

#[tokio::test]
async fn a_worker_without_what_finishes_videos_does_not_start_and_names_it() {
    let app = TestApp::start_as(&["api"], &[]).await;
    let tools = Tools::new();
    let folder = tools.0.path();

    tools.take("ffmpeg");
    let without_ffmpeg = refusal(&app, folder).await;
    tools.put("ffmpeg");
    tools.take("setpriv");
    let without_setpriv = refusal(&app, folder).await;
    tools.put("setpriv");
    tools.replace("ffprobe", "exit 3");
    let unstartable = refusal(&app, folder).await;
    tools.take("ffprobe");
    tools.put("ffprobe");
    tools.replace("ffmpeg", "$real \"$@\" | /bin/sed 's/libx264[a-z]*//g'");
    let without_encoder = refusal(&app, folder).await;

    assert!(without_ffmpeg.contains("ffmpeg is not in PATH"), "{without_ffmpeg}");
    assert!(without_ffmpeg.contains("apt-get install ffmpeg"), "{without_ffmpeg}");
    assert!(without_setpriv.contains("apt-get install util-linux"), "{without_setpriv}");
    assert!(unstartable.contains("ffprobe can't be run here"), "{unstartable}");
    assert!(without_encoder.contains("lacks the encoder libx264"), "{without_encoder}");
    app.finish().await;
}

#[tokio::test]
async fn a_worker_whose_scratch_folder_cannot_be_written_does_not_start() {
    let app = TestApp::start_as(&["api"], &[]).await;
    std::fs::create_dir_all(app.data_dir()).unwrap();
    std::fs::write(app.data_dir().join("scratch"), "no folder").unwrap();

    let outcome = app.run(&["worker"]).await.expect(1);

    assert!(
        outcome.stderr.contains("scratch, where videos are finished, can't be written"),
        "{outcome:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn tools_that_go_away_while_workers_run_are_named_by_readyz() {
    let tools = Tools::new();
    let app = TestApp::start_with(&[("PATH", tools.folder())]).await;
    app.get("/readyz").send().await.expect(200);

    tools.take("ffprobe");

    let down = eventually("/readyz names what is missing", async || {
        let answer = app.get("/readyz").send().await;
        (answer.status == 503).then_some(answer.json)
    })
    .await;
    let said = down.to_string();
    assert!(said.contains("videos wait") && said.contains("ffprobe is not in PATH"), "{said}");
    tools.put("ffprobe");
    eventually("/readyz is well again", async || {
        (app.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_fault_of_our_own_tools_is_never_told_as_one_of_the_file() {
    for (what, script) in [
        (
            "a muxer that refuses",
            "case \"$*\" in *faststart*) echo 'Could not write header' >&2; exit 1;; esac; exec $real \"$@\"",
        ),
        ("a failure without a word", "exit 1"),
        ("an encoder that is gone", "case \"$*\" in *mjpeg*) exit 1;; esac; exec $real \"$@\""),
    ] {
        let tools = Tools::new();
        let app = TestApp::start_with(&[("PATH", tools.folder())]).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;
        tools.replace("ffmpeg", script);

        let product = app.product_with(&seller, &category, video::mp4()).await;

        eventually("it is put off as a fault of a tool", async || {
            app.stderr().contains("trying later").then_some(())
        })
        .await;
        let seen = app.see(&seller, &product).await;
        assert_eq!(seen["processing_status"], "PROCESSING", "{what}: {seen}");
        let said = app.stderr();
        assert!(said.contains("a tool: "), "{what}: {said}");
        app.finish().await;
    }
}

#[tokio::test]
async fn a_video_whose_second_half_is_zeros_fails_and_one_with_flac_is_shown() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let mut zeros = video::mp4();
    let half = zeros.len() / 2;
    zeros[half..].fill(0);

    let damaged = app.product_with(&seller, &category, zeros).await;
    let lossless = app.product_with(&seller, &category, video::mkv_with_flac()).await;

    let processed = async |product: &str| {
        eventually("it is processed", async || {
            let seen = app.see(&seller, product).await;
            (seen["processing_status"] != "PROCESSING").then_some(seen)
        })
        .await
    };
    assert_eq!(processed(&damaged).await["processing_status"], "FAILED");
    assert_eq!(processed(&lossless).await["processing_status"], "READY");
    let timeline = app.get(&format!("/products/{damaged}/moderation/")).by(&seller).send().await;
    let said = timeline.expect(200).json.to_string();
    assert!(said.contains("The video is damaged: ") && said.contains("of its pictures"), "{said}");
    app.finish().await;
}
