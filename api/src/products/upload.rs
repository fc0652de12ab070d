//! A video on its way into storage: hashed while it passes, and taken away again unless a
//! product takes it over.

use std::sync::Arc;

use commands::{CommandError, media};
use domain::UploadId;
use domain::product::UploadedVideo;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::multipart::{Part, too_large};
use crate::problem::Problem;

/// Parts that are written while the next one arrives.
const IN_FLIGHT: usize = 1;

/// A video in storage that no product has taken over yet.
pub(super) struct Staged {
    pub video: UploadedVideo,
    /// SHA-256 of its bytes.
    pub content: [u8; 32],
    object: Object,
}

/// Removes the object when it is dropped, unless it is to stay.
struct Object {
    media: Arc<dyn ObjectStore>,
    path: Path,
    stays: bool,
}

/// Ends the upload when it is dropped half-way, as when the client hangs up.
struct Writing(Option<WriteMultipart>);

impl Staged {
    /// Streams a part into storage.
    pub(super) async fn receive(
        media: &Arc<dyn ObjectStore>,
        part: &mut Part,
        largest: u64,
    ) -> Result<Self, Problem> {
        let upload = UploadId::from_uuid(uuid::Uuid::now_v7());
        let path = Path::from(media::original(upload));
        let sink = media.put_multipart(&path).await.map_err(|error| Problem::fault(&error))?;
        let mut writing = Writing(Some(WriteMultipart::new(sink)));
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        while let Some(chunk) = part.chunk().await? {
            size += chunk.len() as u64;
            if size > largest {
                return Err(too_large(largest));
            }
            hash.update(&chunk);
            writing.write(&chunk).await?;
        }
        writing.finish().await?;
        let object = Object { media: Arc::clone(media), path, stays: false };
        let content: [u8; 32] = hash.finalize().into();
        let size = i64::try_from(size).map_err(|error| Problem::fault(&error))?;
        Ok(Self {
            video: UploadedVideo { upload, size, sha256: hex::encode(content) },
            content,
            object,
        })
    }
}

impl Writing {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let Some(sink) = &mut self.0 else { return Ok(()) };
        sink.wait_for_capacity(IN_FLIGHT).await.map_err(|error| Problem::fault(&error))?;
        sink.write(chunk);
        Ok(())
    }

    async fn finish(mut self) -> Result<(), Problem> {
        let Some(sink) = self.0.take() else { return Ok(()) };
        sink.finish().await.map(drop).map_err(|error| Problem::fault(&error))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(sink) = self.0.take() {
            tokio::spawn(async move {
                if let Err(error) = sink.abort().await {
                    tracing::warn!("an upload that was cut could not be cleared away: {error}");
                }
            });
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        let (media, path) = (Arc::clone(&self.media), self.path.clone());
        tokio::spawn(async move {
            if let Err(error) = media.delete(&path).await {
                tracing::warn!("an upload without a product could not be removed: {error}");
            }
        });
    }
}

/// Carries out a command that takes a video over. In a task of its own: when the client hangs up,
/// the video must not be removed from under a product that is just being written.
pub(super) async fn take_over<T: Send + 'static>(
    staged: Option<Staged>,
    command: impl Future<Output = Result<T, CommandError>> + Send + 'static,
) -> Result<T, Problem> {
    let task = async move {
        let done = command.await;
        if let (Some(mut staged), true) = (staged, may_be_written(&done)) {
            staged.object.stays = true;
        }
        done
    };
    let done = tokio::spawn(task.in_current_span()).await;
    Ok(done.map_err(|error| Problem::fault(&error))??)
}

/// After a fault nobody knows whether the commit went through: a video too many is better
/// than one too few.
const fn may_be_written<T>(done: &Result<T, CommandError>) -> bool {
    match done {
        Ok(_) | Err(CommandError::Fault(_)) => true,
        Err(_) => false,
    }
}
