//! One part of an upload on its way into storage.

use std::sync::Arc;

use bytes::Bytes;
use commands::uploads::Part;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};

/// Bytes that are in memory on their way into storage.
const IN_FLIGHT: usize = 5 << 20;
const SMALL: usize = 16 << 10;
/// Bytes of a part: few enough that not many are lost with the process.
pub(super) const PART: usize = 60 << 20;

/// An object that is being written, and is gone if it is dropped.
pub(super) struct Sink {
    write: WriteMultipart,
    /// Chunks that are written at the same time.
    at_once: usize,
    part: Part,
}

impl Sink {
    pub(super) async fn open(
        media: &Arc<dyn ObjectStore>,
        chunk: usize,
        key: String,
        start: i64,
    ) -> object_store::Result<Self> {
        let write = media.put_multipart(&Path::from(key.as_str())).await?;
        let write = WriteMultipart::new_with_chunk_size(write, chunk);
        let at_once = (IN_FLIGHT / chunk).max(1);
        Ok(Self { write, at_once, part: Part { start, size: 0, key } })
    }

    /// How many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        PART - usize::try_from(self.part.size).unwrap_or(PART)
    }

    /// Takes bytes, and waits while too many are not written yet.
    pub(super) async fn put(&mut self, bytes: Bytes) -> object_store::Result<()> {
        self.part.size += i64::try_from(bytes.len()).unwrap_or(0);
        // Small ones are copied: by themselves they would take more room than their bytes.
        if bytes.len() < SMALL {
            self.write.write(&bytes);
        } else {
            self.write.put(bytes);
        }
        self.write.wait_for_capacity(self.at_once).await
    }

    /// Makes it last.
    pub(super) async fn close(self) -> object_store::Result<Part> {
        self.write.finish().await?;
        Ok(self.part)
    }

    /// Leaves nothing of it.
    pub(super) async fn abort(self) {
        if let Err(error) = self.write.abort().await {
            tracing::warn!("a part of an upload could not be cleared away: {error}");
        }
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
