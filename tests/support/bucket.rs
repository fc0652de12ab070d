//! A server that speaks S3 (s3s-fs), in the test's process and on a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::TestApp;

const KEY: &str = "a-key-that-tests-have";
const SECRET: &str = "a-secret-that-tests-have";

/// How far a caller's clock may be off, in seconds.
const AS_AMAZON: u32 = 15 * 60;

/// Serves for as long as the test's runtime runs.
pub struct Bucket {
    address: String,
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Bucket {
    pub async fn serve() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let bucket = Self::serve_in(temporary.path(), AS_AMAZON).await;
        Self { _temporary: Some(temporary), ..bucket }
    }

    /// In a folder that goes by itself. It refuses callers whose clocks are further off.
    pub async fn serve_in(folder: &Path, seconds_off: u32) -> Self {
        std::fs::create_dir(folder.join("films")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = seconds_off;
        service.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // The client may go away at any time.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, folder: folder.to_owned(), _temporary: None }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A program that keeps its files there.
    pub async fn app(&self, more: &[(&str, &str)]) -> TestApp {
        let endpoint = format!("http://{}", self.address);
        TestApp::start_with(&[&Self::variables(&endpoint), more].concat()).await
    }

    /// What tells a program to keep its files in one.
    pub fn variables(endpoint: &str) -> [(&str, &str); 6] {
        [
            ("STORAGE_URL", "s3://films/vetted/here"),
            ("AWS_ENDPOINT", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "eu-central-1"),
        ]
    }

    /// The objects below the prefix, by name.
    pub fn objects(&self) -> Vec<String> {
        let below = self.below();
        let mut names = vec![];
        files(&below, &mut names);
        let name =
            |path: &PathBuf| path.strip_prefix(&below).unwrap().to_string_lossy().into_owned();
        names.sort();
        names.iter().map(name).collect()
    }

    /// The bytes of one of them.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.below().join(name)).unwrap()
    }

    fn below(&self) -> PathBuf {
        self.folder.join("films/vetted/here")
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}
