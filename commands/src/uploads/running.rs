//! Which uploads this process is receiving bytes of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::UploadId;
use tokio_util::sync::CancellationToken;

/// What stops each, by upload and fence.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<UploadId, (i64, CancellationToken)>>);

/// An entry, for as long as the value lives.
pub(super) struct Entry {
    running: Arc<Running>,
    upload: UploadId,
    fence: i64,
}

impl Running {
    /// Registers the request that writes to it.
    pub(super) fn note(
        self: &Arc<Self>,
        upload: UploadId,
        fence: i64,
        stop: CancellationToken,
    ) -> Entry {
        self.with(|uploads| uploads.insert(upload, (fence, stop)));
        Entry { running: Arc::clone(self), upload, fence }
    }

    /// Asks the request that writes to it to end.
    pub(super) fn stop(&self, upload: UploadId) {
        self.with(|uploads| {
            if let Some((_, stop)) = uploads.get(&upload) {
                stop.cancel();
            }
        });
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&mut HashMap<UploadId, (i64, CancellationToken)>) -> T,
    ) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Entry {
    /// A later holder's entry stays.
    fn drop(&mut self) {
        self.running.with(|uploads| {
            if uploads.get(&self.upload).is_some_and(|(fence, _)| *fence == self.fence) {
                uploads.remove(&self.upload);
            }
        });
    }
}
