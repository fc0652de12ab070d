//! Where files are kept: a folder, or a bucket that speaks S3.

mod patient;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::ExposeSecret;
use url::Url;

use crate::config::{Config, Storage};
use crate::reach::{self, Unreachable};
use patient::Patient;

/// S3 takes no chunks that are smaller, but for the last.
const BUCKET_CHUNK: usize = 5 << 20;
const FOLDER_CHUNK: usize = 1 << 20;
/// An empty folder in the one for files, which goes when that does: where a disk is no longer mounted there may be a
/// folder of the same name. It is no file, so no list of files has it.
const MARKER: &str = ".vetted-storage";
/// Tries of a request more: the one who asked is told soon, and tries again.
const RETRIES: usize = 2;
/// For a bucket that does not answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why files can't be kept; the text is meant for the program's user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the folder {folder} for files cannot be made: {source}; set STORAGE_URL, or DATA_DIR, to where one can be"
    )]
    Folder { folder: String, source: std::io::Error },
    #[error("no files in {0}: set STORAGE_URL, or DATA_DIR, to where they are kept")]
    NoFolder(String),
    #[error("STORAGE_URL cannot be used: {0}")]
    Store(#[from] object_store::Error),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// The configured storage.
pub struct Media {
    /// What is in it.
    pub store: Arc<dyn ObjectStore>,
    /// Bytes of a file that are best written at once.
    pub chunk: usize,
    /// Has it give files out by itself, where it can and may.
    pub presigner: Option<Arc<dyn Signer>>,
}

/// Opens the configured storage; a folder is made where there is none.
pub async fn open(config: &Config) -> Result<Media, Error> {
    if let Storage::Folder(folder) = &config.storage {
        make(folder)?;
    }
    open_existing(config).await
}

/// Opens the configured storage, and makes nothing.
pub async fn open_existing(config: &Config) -> Result<Media, Error> {
    match &config.storage {
        Storage::Folder(folder) if !folder.is_dir() => {
            Err(Error::NoFolder(folder.display().to_string()))
        }
        Storage::Folder(folder) => {
            let store = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
            let marker = Some(folder.join(MARKER)).filter(|marker| marker.is_dir());
            let store = Arc::new(Patient { store: store.with_fsync(true), marker });
            Ok(Media { store, chunk: FOLDER_CHUNK, presigner: None })
        }
        Storage::Bucket { name, prefix } => {
            let builder = bucket(config, name);
            check_reachable(&builder).await?;
            let store = Arc::new(PrefixStore::new(builder.build()?, prefix.as_str()));
            let presigner = config.s3_presigned_urls.then(|| Arc::clone(&store) as Arc<dyn Signer>);
            Ok(Media {
                store: Arc::new(Patient { store, marker: None }),
                chunk: BUCKET_CHUNK,
                presigner,
            })
        }
    }
}

fn bucket(config: &Config, name: &str) -> AmazonS3Builder {
    let retry = RetryConfig { max_retries: RETRIES, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new().with_bucket_name(name).with_retry(retry);
    for (variable, value) in &config.aws {
        if let Ok(key) = variable.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value.expose_secret());
        }
    }
    builder
}

/// Asks once, for a name that need not be there; the client itself would try for minutes.
async fn check_reachable(builder: &AmazonS3Builder) -> Result<(), Error> {
    let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let store = builder.clone().with_retry(once).build()?;
    let asked = tokio::time::timeout(REQUEST_TIMEOUT, store.head(&"readiness".into())).await;
    let cause = match asked {
        Ok(Err(error @ object_store::Error::Generic { .. })) => reach::cause(&error),
        // It answers. What a caller may not look up may be there all the same.
        Ok(_) => return Ok(()),
        Err(_) => "timed out".to_owned(),
    };
    Err(Unreachable { variable: "STORAGE_URL", cause, place: place(builder) }.into())
}

fn place(builder: &AmazonS3Builder) -> String {
    let value = |key| builder.get_config_value(&key);
    let endpoint = value(AmazonS3ConfigKey::Endpoint).and_then(|text| Url::parse(&text).ok());
    let host = endpoint.as_ref().and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(reach::host_and_port(url.host_str()?, port))
    });
    host.unwrap_or_else(|| {
        let region = value(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
        format!("s3.{region}.amazonaws.com:443")
    })
}

/// The folder of this machine that files are in, if they are in one.
pub fn folder(config: &Config) -> Option<PathBuf> {
    match &config.storage {
        Storage::Folder(folder) => Some(folder.clone()),
        Storage::Bucket { .. } => None,
    }
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder.join(MARKER))
        .map_err(|source| Error::Folder { folder: folder.display().to_string(), source })
}
