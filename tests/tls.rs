//! TLS by the program itself.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, ClientBuilder, Version};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::program::Program;
use crate::support::{TestApp, eventually};

/// A certificate for this machine, and its files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> (Self, Certificate) {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        let root = files.renew();
        (files, root)
    }

    /// Puts another certificate in their place; gives what trusts it.
    fn renew(&self) -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let replace = |name: &str, text: String| {
            let (new, place) = (self.folder.path().join("new"), self.folder.path().join(name));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, place).unwrap();
        };
        replace("key.pem", made.signing_key.serialize_pem());
        replace("cert.pem", made.cert.pem());
        Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    async fn serve(&self) -> TestApp {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        TestApp::start_with(&[("TLS_CERT_FILE", &certificate), ("TLS_KEY_FILE", &key)]).await
    }
}

fn trusting(root: Certificate) -> ClientBuilder {
    // It fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([root])
}

async fn version(client: &Client, app: &TestApp) -> Option<Version> {
    let answer = client.get(app.url("/healthz")).send().await.ok()?;
    assert_eq!(answer.status(), 200);
    Some(answer.version())
}

#[tokio::test]
async fn tls_is_spoken_with_http_2_and_with_http_1_1() {
    let (files, root) = Files::new();
    let mut app = files.serve().await;
    let both = trusting(root.clone()).build().unwrap();
    let old = trusting(root).http1_only().build().unwrap();

    assert_eq!(version(&both, &app).await, Some(Version::HTTP_2));
    assert_eq!(version(&old, &app).await, Some(Version::HTTP_11));

    assert!(app.url("").starts_with("https://"), "{}", app.url(""));
    let answer = both.get(app.url("/healthz")).send().await.unwrap();
    assert!(answer.headers().contains_key("strict-transport-security"));
    let place = app.url("").trim_start_matches("https://").to_owned();
    app.program.set("BIND", &place);
    app.run(&["healthcheck"]).await.expect(0);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_open_connections_stay() {
    let (files, root) = Files::new();
    let app = files.serve().await;
    let before = trusting(root.clone()).build().unwrap();
    version(&before, &app).await.unwrap();

    let renewed = files.renew();

    eventually("the new one is shown", async || {
        let after = trusting(renewed.clone()).build().unwrap();
        version(&after, &app).await
    })
    .await;
    // It trusts the old certificate alone, so this is the connection from before.
    version(&before, &app).await.unwrap();
    assert!(version(&trusting(root).build().unwrap(), &app).await.is_none());
}

#[tokio::test]
async fn a_certificate_that_becomes_unusable_is_not_taken_up() {
    let (files, root) = Files::new();
    let app = files.serve().await;

    std::fs::write(files.path("key.pem"), "no key").unwrap();

    eventually("it is noticed", async || app.stderr().contains("TLS_KEY_FILE").then_some(())).await;
    version(&trusting(root).build().unwrap(), &app).await.unwrap();
}

#[tokio::test]
async fn wrong_files_stop_the_program_with_one_sentence_that_names_the_variable() {
    let ((files, _), (others, _)) = (Files::new(), Files::new());
    std::fs::write(files.path("text"), "no certificate").unwrap();
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));

    for (certificate, key, variable) in [
        (certificate.as_str(), "", "TLS_KEY_FILE"),
        ("", key.as_str(), "TLS_CERT_FILE"),
        ("/nowhere/cert.pem", &key, "TLS_CERT_FILE"),
        (&certificate, "/nowhere/key.pem", "TLS_KEY_FILE"),
        (&files.path("text"), &key, "TLS_CERT_FILE"),
        (&certificate, &files.path("text"), "TLS_KEY_FILE"),
        (&certificate, &others.path("key.pem"), "TLS_KEY_FILE"),
        (&key, &key, "TLS_CERT_FILE"),
    ] {
        let variables =
            [("TLS_CERT_FILE", certificate), ("TLS_KEY_FILE", key), ("BIND", "127.0.0.1:0")];
        let begun = Instant::now();
        let outcome = Program::new(&variables).run(&[]).await.expect(1);
        let said = outcome.stderr.trim();
        assert!(said.starts_with(&format!("vetted: {variable} ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(!Path::new(&files.path(".data")).exists());
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let (files, _) = Files::new();
    let app = files.serve().await;
    let address = app.url("").trim_start_matches("https://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();

    let mut said = vec![];
    let closed = tokio::time::timeout(Duration::from_secs(16), stream.read_to_end(&mut said)).await;

    assert!(closed.is_ok(), "the connection stays open");
}
