//! Clients that others wrote, unchanged: tus-js-client (npm) and tuspy (PyPI). `make tools`
//! installs them.

use std::path::{Path, PathBuf};

use domain::Role;
use rand::RngExt;
use serde_json::{Value, json};
use url::{Position, Url};

use super::cutter::Cutter;
use super::{Uploader, arrived, expire, noise};
use crate::support::TestApp;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// A client, as the commands that run its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    TusJs,
    Tuspy,
}

impl Client {
    const BOTH: [Self; 2] = [Self::TusJs, Self::Tuspy];

    fn command(self) -> tokio::process::Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_vetted"));
        let tools = binary.ancestors().nth(2).unwrap().join("tools/interop");
        assert!(tools.join("node_modules/tus-js-client").is_dir(), "run make tools");
        let (interpreter, script) = match self {
            // Modules are found beside the script that asks for them.
            Self::TusJs => (PathBuf::from("node"), copied(&tools, "upload.mjs")),
            Self::Tuspy => (tools.join("python/bin/python"), Path::new(FOLDER).join("upload.py")),
        };
        let mut command = tokio::process::Command::new(interpreter);
        command.arg(script).kill_on_drop(true);
        command
    }

    /// One process from its start to its end, and what it tells.
    pub async fn run(self, options: &Value) -> Value {
        let output = self.command().arg(options.to_string()).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}: {told}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
    }
}

/// Other tests may run the file meanwhile, so it takes its place in one step.
fn copied(tools: &Path, name: &str) -> PathBuf {
    let script = tools.join(name);
    let unique = tools.join(format!("{}-{name}", uuid::Uuid::now_v7()));
    std::fs::copy(Path::new(FOLDER).join(name), &unique).unwrap();
    std::fs::rename(unique, &script).unwrap();
    script
}

/// The path of a URL that a client tells.
fn path(told: &Value) -> String {
    let url = told["url"].as_str().unwrap_or_else(|| panic!("{told}"));
    Url::parse(url).unwrap()[Position::BeforePath..].to_owned()
}

/// Something to upload, with a place for what a client remembers.
struct Case {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Case {
    fn new(length: usize, seed: u64) -> Self {
        let (folder, bytes) = (tempfile::tempdir().unwrap(), noise(length, seed));
        std::fs::write(folder.path().join("film.mp4"), &bytes).unwrap();
        Self { folder, bytes }
    }

    fn options(&self, base: &str, token: &str) -> Value {
        json!({
            "endpoint": format!("{}/uploads/", base.trim_end_matches('/')),
            "token": token,
            "file": self.folder.path().join("film.mp4"),
            "storage": self.folder.path().join("known.json"),
        })
    }
}

fn base(app: &TestApp) -> String {
    app.url("")
}

#[tokio::test]
async fn both_upload_a_file() {
    let uploader = Uploader::start().await;
    for client in Client::BOTH {
        let case = Case::new(3_000_000, 20);

        let told = client.run(&case.options(&base(&uploader.app), &uploader.person.access)).await;

        let path = path(&told);
        arrived(&uploader.app, &path, &case.bytes).await;
        let head = uploader.head(&path).await.expect(200);
        assert!(head.header("upload-metadata").starts_with("filename "), "{client:?}");
    }
    uploader.app.finish().await;
}

#[tokio::test]
async fn both_resume_from_a_new_process_after_cuts_at_random_bytes() {
    let uploader = Uploader::start().await;
    let cutter = Cutter::start(&base(&uploader.app)).await;
    for client in Client::BOTH {
        for round in 0..4 {
            let case = Case::new(8_000_000, 30 + round);
            let options = case.options(&cutter.base, &uploader.person.access);
            let cut = rand::rng().random_range(1_000..7_900_000);
            let cuts = cutter.cuts();

            cutter.cut_after(cut);
            let told = client.run(&options).await;
            assert_eq!((&told["status"], cutter.cuts()), (&json!(0), cuts + 1), "{cut}: {told}");
            let told = client.run(&options).await;

            arrived(&uploader.app, &path(&told), &case.bytes).await;
        }
    }
    let uploads: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads WHERE sha256 IS NULL")
        .fetch_one(&uploader.app.pool())
        .await
        .unwrap();
    assert_eq!(uploads, 0, "nobody started over");
    uploader.app.finish().await;
}

#[tokio::test]
async fn tus_js_client_retries_by_itself_after_a_cut() {
    let uploader = Uploader::start().await;
    let cutter = Cutter::start(&base(&uploader.app)).await;
    let case = Case::new(8_000_000, 40);
    let mut options = case.options(&cutter.base, &uploader.person.access);
    options["retry"] = json!(true);

    cutter.cut_after(3_333_333);
    let told = Client::TusJs.run(&options).await;

    assert_eq!(cutter.cuts(), 1);
    arrived(&uploader.app, &path(&told), &case.bytes).await;
}

#[tokio::test]
async fn both_are_told_what_is_refused() {
    let uploader = Uploader::start_with(&[("MAX_VIDEO_BYTES", "2000000")]).await;
    let base = base(&uploader.app);
    let other = uploader.app.user(Role::EndUser).await;
    let (small, large) = (Case::new(1_000_000, 50), Case::new(2_000_001, 51));
    let url = format!("{base}{}", uploader.create(small.bytes.len()).await);
    let late = uploader.create(small.bytes.len()).await;
    expire(&uploader.app, &late).await;
    // Without an endpoint a client can't start over.
    let at = |url: &str, token: &str| json!({ "url": url, "token": token, "file": small.folder.path().join("film.mp4") });

    for client in Client::BOTH {
        let token = &uploader.person.access;
        for (options, status) in [
            (large.options(&base, token), 413),
            (small.options(&base, "nonsense"), 401),
            (at(&url, &other.access), 404),
            (at(&format!("{base}{late}"), token), 410),
        ] {
            let told = client.run(&options).await;
            assert_eq!(told["status"], status, "{client:?}: {told}");
        }
    }
    assert_eq!(uploader.app.get("/healthz").send().await.status, 200);
}

#[tokio::test]
async fn tuspy_is_told_when_bytes_were_changed_on_their_way() {
    let uploader = Uploader::start().await;
    let cutter = Cutter::start(&base(&uploader.app)).await;
    let case = Case::new(900_000, 60);
    let options = case.options(&cutter.base, &uploader.person.access);

    cutter.change_after(500_000);
    let told = Client::Tuspy.run(&options).await;
    assert_eq!(told["status"], 460, "{told}");
    let told = Client::Tuspy.run(&options).await;

    arrived(&uploader.app, &path(&told), &case.bytes).await;
}
