//! Files on their way into storage, and what is computed of them on that way.

mod hashing;

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, Result, WriteMultipart};

pub(crate) use hashing::Hashing;

/// Bytes that are in memory on their way into storage.
const IN_FLIGHT: usize = 5 << 20;
const SMALL: usize = 16 << 10;

/// An object that is being written. Dropped half-way, as when the client hangs up, it leaves
/// nothing.
pub(crate) struct Writing {
    write: Option<WriteMultipart>,
    /// Chunks that are written at the same time.
    at_once: usize,
}

impl Writing {
    /// Begins. `chunk` is how many bytes are best written at once.
    pub(crate) async fn begin(
        media: &Arc<dyn ObjectStore>,
        path: &Path,
        chunk: usize,
    ) -> Result<Self> {
        let write = media.put_multipart(path).await?;
        let write = Some(WriteMultipart::new_with_chunk_size(write, chunk));
        Ok(Self { write, at_once: (IN_FLIGHT / chunk).max(1) })
    }

    /// Takes bytes, and waits while too many are not written yet.
    pub(crate) async fn put(&mut self, bytes: Bytes) -> Result<()> {
        let Some(write) = &mut self.write else { return Ok(()) };
        // Small ones are copied: by themselves they would take more room than their bytes.
        if bytes.len() < SMALL {
            write.write(&bytes);
        } else {
            write.put(bytes);
        }
        write.wait_for_capacity(self.at_once).await
    }

    /// Makes it last.
    pub(crate) async fn finish(mut self) -> Result<()> {
        match self.write.take() {
            Some(write) => write.finish().await.map(drop),
            None => Ok(()),
        }
    }

    /// Returns once nothing of it is left.
    pub(crate) async fn abort(mut self) {
        if let Some(write) = self.write.take() {
            abort(write).await;
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            tokio::spawn(abort(write));
        }
    }
}

/// What stays behind, the sweeper finds.
async fn abort(write: WriteMultipart) {
    if let Err(error) = write.abort().await {
        tracing::warn!("a file that was cut could not be cleared away: {error}");
    }
}
