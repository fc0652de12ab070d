//! Videos between storage and a folder on disk, never in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use commands::media;
use domain::UploadId;
use domain::product::UploadedVideo;
use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use pool::PgPool;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// S3 takes parts from 5 MiB on.
const PART: usize = 8 << 20;
/// Parts on their way at once.
const PARTS: usize = 4;

/// Why bytes could not be moved; none of it is the video's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum StorageError {
    #[error("storage: {0}")]
    Store(#[from] object_store::Error),
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("storage does not have the bytes that were uploaded")]
    Altered,
}

#[derive(Clone)]
pub(super) struct Storage {
    store: Arc<dyn ObjectStore>,
    pool: PgPool,
}

impl Storage {
    pub(super) const fn new(store: Arc<dyn ObjectStore>, pool: PgPool) -> Self {
        Self { store, pool }
    }

    /// Brings the uploaded bytes to disk.
    pub(super) async fn fetch(&self, video: &UploadedVideo, to: &Path) -> Result<(), StorageError> {
        let mut file = File::create(to).await?;
        let mut hash = Sha256::new();
        for key in self.objects(video.upload).await? {
            let mut bytes = self.store.get(&key).await?.into_stream();
            while let Some(chunk) = bytes.try_next().await? {
                hash.update(&chunk);
                file.write_all(&chunk).await?;
            }
        }
        file.flush().await?;
        if hex::encode(hash.finalize()) == video.sha256 {
            Ok(())
        } else {
            Err(StorageError::Altered)
        }
    }

    /// What the bytes of an upload are in, in order: the parts of a resumable one, or one object.
    async fn objects(&self, upload: UploadId) -> Result<Vec<Key>, StorageError> {
        let parts = "SELECT key FROM upload_parts WHERE upload = $1 ORDER BY start";
        let parts = sqlx::query_scalar(parts).bind(upload.uuid()).fetch_all(&self.pool).await?;
        if parts.is_empty() {
            return Ok(vec![Key::from(media::original(upload))]);
        }
        Ok(parts.into_iter().map(|key: String| Key::from(key)).collect())
    }

    /// Stores a file under a key that nothing refers to.
    pub(super) async fn put(&self, from: &Path, key: &Key) -> Result<(), StorageError> {
        let mut file = File::open(from).await?;
        let mut upload =
            WriteMultipart::new_with_chunk_size(self.store.put_multipart(key).await?, PART);
        let copied = async {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let read = file.read(&mut buffer).await?;
                if read == 0 {
                    return Ok::<_, StorageError>(());
                }
                upload.wait_for_capacity(PARTS).await?;
                upload.write(&buffer[..read]);
            }
        };
        match copied.await {
            Ok(()) => upload.finish().await.map(drop).map_err(StorageError::from),
            Err(error) => {
                // What is left of it, a bucket's lifecycle rule removes.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    /// Gives an object its lasting name; whatever had it is replaced.
    pub(super) async fn rename(&self, from: &Key, to: &Key) -> Result<(), StorageError> {
        Ok(self.store.rename(from, to).await?)
    }

    /// Removes the uploaded bytes.
    pub(super) async fn delete_original(&self, upload: UploadId) -> Result<(), StorageError> {
        for key in self.objects(upload).await? {
            self.delete(&key).await?;
        }
        let gone = sqlx::query("DELETE FROM uploads WHERE id = $1").bind(upload.uuid());
        gone.execute(&self.pool).await?;
        Ok(())
    }

    /// Removes whatever one upload led to.
    pub(super) async fn delete_results(&self, upload: UploadId) -> Result<(), StorageError> {
        for content_type in ["video/mp4", "video/webm"] {
            self.delete(&Key::from(media::video(upload, content_type))).await?;
        }
        for key in [media::poster(upload), media::sprite(upload), media::thumbnails(upload)] {
            self.delete(&Key::from(key)).await?;
        }
        Ok(())
    }

    /// Removes what tries that died had not given its lasting name yet.
    pub(super) async fn delete_unfinished(&self, upload: UploadId) -> Result<(), StorageError> {
        let name = upload.to_string();
        let mut objects = self.store.list(Some(&Key::from(media::UNFINISHED)));
        while let Some(object) = objects.try_next().await? {
            if object.location.as_ref().contains(&name) {
                self.delete(&object.location).await?;
            }
        }
        Ok(())
    }

    /// Removes an object that may be gone already.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
