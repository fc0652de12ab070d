//! Bytes of an upload on their way in: recorded part by part, so that what arrived stays,
//! whatever becomes of the connection.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use commands::uploads::{Recorder, Upload, UploadError, UploadLease, UploadPart, UploadProgress};
use futures::StreamExt;
use object_store::ObjectStore;
use sha2::Sha256;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::checksum::Checksum;
use super::refusal::refusal;
use super::sink::{Sink, remove};
use crate::App;
use crate::features::storing::Hashing;
use crate::http::problem::Problem;

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// The connection broke, or the client was too slow.
    Cut,
    /// Another request asks for the upload, or the program ends.
    Stopped,
    /// More came than there is room for.
    TooLong,
    /// Not the bytes that the client meant.
    Mismatch,
}

/// How far it came.
#[derive(Clone)]
pub(super) struct Received {
    pub ending: Ending,
    pub progress: UploadProgress,
    /// How many bytes there may be by the end.
    pub limit: i64,
    /// Where bytes were kept.
    pub expires_at: Option<OffsetDateTime>,
}

impl Received {
    /// Whether what came counts.
    pub(super) const fn is_kept(&self) -> bool {
        self.expires_at.is_some()
    }

    /// The hash of all that has come by now, where the body came to its end.
    pub(super) fn whole(&self) -> Option<Sha256> {
        (self.ending == Ending::Whole).then(|| self.progress.hash.clone())
    }
}

/// An upload with its body.
pub(super) struct Intake {
    lease: UploadLease,
    media: Arc<dyn ObjectStore>,
    chunk: usize,
    upload: Upload,
    limit: i64,
    checksum: Option<Checksum>,
}

/// What is written, and what was written and is not recorded yet.
struct Parts {
    media: Arc<dyn ObjectStore>,
    chunk: usize,
    recorder: Recorder,
    length: Option<i64>,
    received: i64,
    hashing: Hashing,
    open: Option<Sink>,
    /// One that becomes durable while bytes of the next arrive.
    closing: Option<JoinHandle<Result<(), Problem>>>,
    /// Where all are recorded at once, those that are closed.
    held: Option<Vec<UploadPart>>,
}

impl Intake {
    /// `limit` is how many bytes there may be by the end.
    pub(super) fn new(
        app: &App,
        lease: UploadLease,
        upload: Upload,
        limit: i64,
        checksum: Option<Checksum>,
    ) -> Self {
        let media = Arc::clone(&app.media);
        Self { lease, media, chunk: app.media_chunk, upload, limit, checksum }
    }

    /// Takes the body in, up to its end or whatever comes first.
    pub(super) async fn run(mut self, body: Body) -> Result<Received, Problem> {
        let taken = self.take(body.into_data_stream()).await;
        self.lease.release().await;
        taken
    }

    async fn take(&mut self, body: BodyDataStream) -> Result<Received, Problem> {
        let UploadProgress { length, received, hash } =
            UploadProgress::of(&self.upload).map_err(|error| Problem::fault(&error))?;
        let mut parts = Parts {
            media: Arc::clone(&self.media),
            chunk: self.chunk,
            recorder: self.lease.recorder().clone(),
            length,
            received,
            hashing: Hashing::from(hash),
            open: None,
            closing: None,
            held: self.checksum.is_some().then(Vec::new),
        };
        let taken = self.fill(body, &mut parts).await;
        parts.discard().await;
        taken
    }

    async fn fill(&mut self, body: BodyDataStream, parts: &mut Parts) -> Result<Received, Problem> {
        let ending = self.read(body, parts).await?;
        let verified = self.checksum.take().map(Checksum::matches);
        let (ending, is_kept) = match (ending, verified) {
            (Ending::Whole, Some(false)) => (Ending::Mismatch, false),
            (Ending::Whole, Some(true) | None) => (ending, true),
            (Ending::Cut | Ending::Stopped, None) => (ending, true),
            (ending, _) => (ending, false),
        };
        let progress = parts.progress().await?.await?;
        let expires_at = if is_kept { Some(parts.finish(&progress).await?) } else { None };
        Ok(Received { ending, progress, limit: self.limit, expires_at })
    }

    async fn read(
        &mut self,
        mut body: BodyDataStream,
        parts: &mut Parts,
    ) -> Result<Ending, Problem> {
        loop {
            let next = tokio::select! {
                biased;
                () = self.lease.stop().cancelled() => return Ok(Ending::Stopped),
                next = body.next() => next,
            };
            let bytes = match next {
                Some(Ok(bytes)) => bytes,
                Some(Err(_)) => return Ok(Ending::Cut),
                None => return Ok(Ending::Whole),
            };
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            if parts.received.saturating_add(size) > self.limit {
                return Ok(Ending::TooLong);
            }
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&bytes);
            }
            parts.put(bytes).await?;
        }
    }
}

impl Parts {
    async fn put(&mut self, mut bytes: Bytes) -> Result<(), Problem> {
        while !bytes.is_empty() {
            let sink = self.sink().await?;
            let piece = bytes.split_to(bytes.len().min(sink.room()));
            sink.put(piece.clone()).await.map_err(|error| Problem::fault(&error))?;
            let is_full = sink.room() == 0;
            self.received += i64::try_from(piece.len()).unwrap_or(0);
            self.hashing.add(piece).await.map_err(|error| Problem::fault(&error))?;
            if is_full {
                self.close().await?;
            }
        }
        Ok(())
    }

    async fn sink(&mut self) -> Result<&mut Sink, Problem> {
        let start = self.received;
        let sink = match self.open.take() {
            Some(sink) => sink,
            None => Sink::open(&self.media, self.chunk, self.recorder.key(start), start)
                .await
                .map_err(|error| Problem::fault(&error))?,
        };
        Ok(self.open.insert(sink))
    }

    /// Closes a full part while the next one is received.
    async fn close(&mut self) -> Result<(), Problem> {
        self.closed().await?;
        let Some(sink) = self.open.take() else { return Ok(()) };
        if let Some(held) = &mut self.held {
            held.push(sink.close().await.map_err(|error| Problem::fault(&error))?);
            return Ok(());
        }
        let (media, recorder) = (Arc::clone(&self.media), self.recorder.clone());
        let progress = self.progress().await?;
        self.closing = Some(tokio::spawn(async move {
            let part = sink.close().await.map_err(|error| Problem::fault(&error))?;
            record(&media, &recorder, &progress.await?, vec![part]).await.map(drop)
        }));
        Ok(())
    }

    /// How far it has come by now, once that is hashed.
    async fn progress(
        &mut self,
    ) -> Result<impl Future<Output = Result<UploadProgress, Problem>> + use<>, Problem> {
        let hash = self.hashing.now().await.map_err(|error| Problem::fault(&error))?;
        let (length, received) = (self.length, self.received);
        Ok(async move {
            let hash = hash.await.map_err(|error| Problem::fault(&error))?;
            Ok(UploadProgress { length, received, hash })
        })
    }

    async fn closed(&mut self) -> Result<(), Problem> {
        match self.closing.take() {
            Some(closing) => closing.await.map_err(|error| Problem::fault(&error))?,
            None => Ok(()),
        }
    }

    /// Closes and records what is left.
    async fn finish(&mut self, progress: &UploadProgress) -> Result<OffsetDateTime, Problem> {
        self.closed().await?;
        let mut parts = self.held.take().unwrap_or_default();
        if let Some(sink) = self.open.take() {
            parts.push(sink.close().await.map_err(|error| Problem::fault(&error))?);
        }
        record(&self.media, &self.recorder, progress, parts).await
    }

    /// Removes what was not recorded.
    async fn discard(mut self) {
        if let Some(sink) = self.open.take() {
            sink.abort().await;
        }
        if self.closed().await.is_err() {
            tracing::warn!("a part of an upload was not recorded");
        }
        let held = self.held.unwrap_or_default();
        remove(&self.media, held.into_iter().map(|part| part.key)).await;
    }
}

/// Records parts. Those of somebody who lost the upload are removed; after a fault nobody knows
/// whether they count.
async fn record(
    media: &Arc<dyn ObjectStore>,
    recorder: &Recorder,
    progress: &UploadProgress,
    parts: Vec<UploadPart>,
) -> Result<OffsetDateTime, Problem> {
    let outcome = recorder.record(progress, &parts).await;
    if let Err(UploadError::Lost) = &outcome {
        remove(media, parts.into_iter().map(|part| part.key)).await;
    }
    outcome.map_err(refusal)
}
