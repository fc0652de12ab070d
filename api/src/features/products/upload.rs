//! A video on its way into storage: hashed while it passes, and taken away again unless a
//! product takes it over.

use std::sync::Arc;

use commands::{CommandError, media};
use domain::UploadId;
use domain::product::UploadedVideo;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::App;
use crate::features::storing::{Hashing, Writing};
use crate::http::multipart::{Part, too_large};
use crate::http::problem::Problem;

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

impl Staged {
    /// Streams a part into storage.
    pub(super) async fn receive(app: &App, part: &mut Part) -> Result<Self, Problem> {
        let (media, largest) = (&app.media, app.settings.max_video_bytes);
        let upload = UploadId::from_uuid(uuid::Uuid::now_v7());
        let path = Path::from(media::original(upload));
        let mut writing = Writing::begin(media, &path, app.media_chunk).await.map_err(fault)?;
        let (mut hashing, mut size) = (Hashing::from(Sha256::new()), 0_u64);
        while let Some(chunk) = part.chunk().await? {
            size += chunk.len() as u64;
            if size > largest {
                return Err(too_large(largest));
            }
            writing.put(chunk.clone()).await.map_err(fault)?;
            hashing.add(chunk).await.map_err(fault)?;
        }
        let hash = hashing.now().await.map_err(fault)?;
        writing.finish().await.map_err(fault)?;
        let object = Object { media: Arc::clone(media), path, stays: false };
        let content: [u8; 32] = hash.await.map_err(fault)?.finalize().into();
        let size = i64::try_from(size).map_err(fault)?;
        Ok(Self {
            video: UploadedVideo { upload, size, sha256: hex::encode(content) },
            content,
            object,
        })
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

fn fault(error: impl std::error::Error + 'static) -> Problem {
    Problem::fault(&error)
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
        Ok(_) | Err(CommandError::Fault(_) | CommandError::Unavailable(_)) => true,
        Err(_) => false,
    }
}
