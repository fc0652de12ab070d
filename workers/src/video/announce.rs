//! The progress of videos, for clients that watch: told over NATS, remembered nowhere. What is lost is
//! made up for by the next, and by what stands in the log in the end.

use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use domain::{ProductId, UploadId};
use futures::stream::BoxStream;
use futures::{StreamExt, TryFutureExt};
use serde::{Deserialize, Serialize};

use crate::nats::Names;

/// Telling must not hold up what is told of.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_millis(100);

/// A worker is so far with a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoProgress {
    /// Whose video.
    pub product: ProductId,
    /// Which of its uploads.
    pub upload: UploadId,
    /// 0 to 100.
    pub percent: u8,
}

/// Tells how far videos are.
#[derive(Clone)]
pub(crate) struct Announcer {
    nats: Client,
    subject: String,
}

impl Announcer {
    pub(crate) fn new(nats: Client, prefix: &str) -> Self {
        Self { nats, subject: Names::new(prefix).progress() }
    }

    /// Publishes it, if there is a broker.
    pub(super) async fn tell(&self, progress: VideoProgress) {
        let Ok(body) = serde_json::to_vec(&progress) else { return };
        if self.nats.connection_state() != State::Connected {
            return;
        }
        let told = self.nats.publish(self.subject.clone(), body.into()).map_err(drop);
        if !matches!(tokio::time::timeout(ANNOUNCE_TIMEOUT, told).await, Ok(Ok(()))) {
            tracing::debug!(product = %progress.product, "progress was not told");
        }
    }
}

/// What workers tell from now on; while there is no broker, nothing.
pub async fn video_progress(
    nats: &Client,
    prefix: &str,
) -> Result<BoxStream<'static, VideoProgress>, async_nats::SubscribeError> {
    let told = nats.subscribe(Names::new(prefix).progress()).await?;
    let read = |message: async_nats::Message| async move {
        serde_json::from_slice(&message.payload)
            .inspect_err(|error| tracing::warn!("progress that nobody can read: {error}"))
            .ok()
    };
    Ok(told.filter_map(read).boxed())
}
