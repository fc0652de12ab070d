//! A real clamd, with one signature of our own, sees videos before anything else does.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use domain::Role;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TestApp, eventually, video};

/// What the scanner takes for malware.
const MARKER: &str = "what no video of ours ever says";

/// Runs as long as the value lives.
struct Clamd {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Clamd {
    async fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(path("signatures")).unwrap();
        let signature = format!("Vetted.Test:0:*:{}\n", hex::encode(MARKER));
        std::fs::write(path("signatures/own.ndb"), signature).unwrap();
        let settings = format!(
            "DatabaseDirectory {}\nLocalSocket {}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n\
             Foreground yes\nTemporaryDirectory {}\n",
            path("signatures"),
            path("clamd.sock"),
            folder.path().display()
        );
        std::fs::write(path("clamd.conf"), settings).unwrap();
        let program = ["/usr/sbin/clamd", "/usr/local/sbin/clamd"];
        let program = program.into_iter().find(|path| Path::new(path).exists()).unwrap_or("clamd");
        let mut command = Command::new(program);
        command.arg("--config-file").arg(path("clamd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("clamd, which scripts/install check installs");
        let clamd = Self { process, folder, port };
        let answers = async || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        eventually("clamd listens", answers).await;
        clamd
    }

    fn addresses(&self) -> [String; 2] {
        let socket = self.folder.path().join("clamd.sock");
        [format!("tcp://127.0.0.1:{}", self.port), format!("unix://{}", socket.display())]
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A good film with the marker in a box that players skip.
fn infected() -> Vec<u8> {
    let length = u32::try_from(8 + MARKER.len()).unwrap().to_be_bytes();
    [&video::mp4()[..], &length, b"free", MARKER.as_bytes()].concat()
}

#[tokio::test]
async fn what_the_scanner_knows_fails_with_its_name_and_the_rest_is_finished() {
    let clamd = Clamd::start(free_port()).await;
    for address in clamd.addresses() {
        let app = TestApp::start_with(&[("CLAMD_URL", &address)]).await;
        let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
        let category = app.category(&staff, "Lamps").await;

        let bad = app.product_with(&seller, &category, infected()).await;
        let good = app.product_with(&seller, &category, video::mp4()).await;

        let seen = app.processed(&seller, &bad).await;
        assert_eq!(seen["processing_status"], "FAILED", "{address}: {seen}");
        let path = format!("/products/{bad}/moderation/");
        let timeline = app.get(&path).by(&seller).send().await.expect(200).json;
        let of = |entry: &&Value| entry["type"] == "VideoFailed";
        let failed = timeline["results"].as_array().unwrap().iter().find(of).unwrap();
        assert_eq!(
            failed["reason"],
            "The file is not accepted: a virus scanner found Vetted.Test.UNOFFICIAL in it."
        );
        let seen = app.processed(&seller, &good).await;
        assert_eq!(seen["processing_status"], "READY", "{address}: {seen}");
        app.finish().await;
    }
}

#[tokio::test]
async fn while_the_scanner_is_away_videos_wait() {
    let port = free_port();
    let address = format!("tcp://127.0.0.1:{port}");
    let app = TestApp::start_with(&[("CLAMD_URL", &address)]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    eventually("it was tried in vain", async || {
        app.stderr().contains("clamd can't be reached").then_some(())
    })
    .await;
    assert_eq!(app.see(&seller, &product).await["processing_status"], "PROCESSING");

    let _clamd = Clamd::start(port).await;

    let seen = app.processed(&seller, &product).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    app.finish().await;
}
