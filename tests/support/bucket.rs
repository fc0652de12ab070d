//! A server that speaks S3 (s3s-fs), in the test's process and on a folder.

use std::path::{Path, PathBuf};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::TestApp;

const KEY: &str = "a-key-that-tests-have";
const SECRET: &str = "a-secret-that-tests-have";

/// Serves for as long as the test's runtime runs.
pub struct Bucket {
    address: String,
    folder: TempDir,
}

impl Bucket {
    pub async fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("films")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
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
        Self { address, folder }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A program that keeps its files there.
    pub async fn app(&self, more: &[(&str, &str)]) -> TestApp {
        let endpoint = format!("http://{}", self.address);
        let usual = [
            ("STORAGE_URL", "s3://films/vetted/here"),
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "eu-central-1"),
        ];
        TestApp::start_with(&[usual.as_slice(), more].concat()).await
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
        self.folder.path().join("films/vetted/here")
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}
