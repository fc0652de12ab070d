//! Where files are kept: a folder, or a bucket that speaks S3.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use secrecy::ExposeSecret;

use crate::config::{Config, Storage};

/// S3 takes no chunks that are smaller, but for the last.
const BUCKET_CHUNK: usize = 5 << 20;
const FOLDER_CHUNK: usize = 1 << 20;

/// Why files can't be kept; the text is meant for the program's user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the folder {folder} for files cannot be made: {source}")]
    Folder { folder: String, source: std::io::Error },
    #[error("STORAGE_URL cannot be used: {0}")]
    Store(#[from] object_store::Error),
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

/// Opens the configured storage.
pub fn open(config: &Config) -> Result<Media, Error> {
    match &config.storage {
        Storage::Folder(folder) => {
            make(folder)?;
            let store = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
            let store = Arc::new(store.with_fsync(true));
            Ok(Media { store, chunk: FOLDER_CHUNK, presigner: None })
        }
        Storage::Bucket { name, prefix } => {
            let mut builder = AmazonS3Builder::new().with_bucket_name(name);
            for (variable, value) in &config.aws {
                if let Ok(key) = variable.to_ascii_lowercase().parse() {
                    builder = builder.with_config(key, value.expose_secret());
                }
            }
            let store = Arc::new(PrefixStore::new(builder.build()?, prefix.as_str()));
            let presigner = config.s3_presigned_urls.then(|| Arc::clone(&store) as Arc<dyn Signer>);
            Ok(Media { store, chunk: BUCKET_CHUNK, presigner })
        }
    }
}

/// The folder of this machine that files are in, if they are in one.
pub fn folder(config: &Config) -> Option<PathBuf> {
    match &config.storage {
        Storage::Folder(folder) => Some(folder.clone()),
        Storage::Bucket { .. } => None,
    }
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::Folder { folder: folder.display().to_string(), source })
}
