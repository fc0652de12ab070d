//! One part of an upload on its way into storage.

use std::sync::Arc;

use bytes::Bytes;
use commands::uploads::UploadPart;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::features::storing::Writing;

/// Bytes of a part: few enough that not many are lost with the process.
pub(super) const PART: usize = 60 << 20;

/// A part that is being written, and is gone if it is dropped.
pub(super) struct Sink {
    writing: Writing,
    part: UploadPart,
}

impl Sink {
    pub(super) async fn open(
        media: &Arc<dyn ObjectStore>,
        chunk: usize,
        key: String,
        start: i64,
    ) -> object_store::Result<Self> {
        let writing = Writing::begin(media, &Path::from(key.as_str()), chunk).await?;
        Ok(Self { writing, part: UploadPart { start, size: 0, key } })
    }

    /// How many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        PART - usize::try_from(self.part.size).unwrap_or(PART)
    }

    /// Takes bytes, and waits while too many are not written yet.
    pub(super) async fn put(&mut self, bytes: Bytes) -> object_store::Result<()> {
        self.part.size += i64::try_from(bytes.len()).unwrap_or(0);
        self.writing.put(bytes).await
    }

    /// Makes it last.
    pub(super) async fn close(self) -> object_store::Result<UploadPart> {
        self.writing.finish().await?;
        Ok(self.part)
    }

    /// Leaves nothing of it.
    pub(super) async fn abort(self) {
        self.writing.abort().await;
    }
}

/// Removes parts that count for nothing. What stays behind, the sweeper finds.
pub(super) async fn remove(media: &Arc<dyn ObjectStore>, keys: impl IntoIterator<Item = String>) {
    for key in keys {
        match media.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!("a part of an upload could not be removed: {error}"),
        }
    }
}
