//! Who may go on with an upload: one request at a time, on whichever replica. A new one asks the
//! one before to come to an end, and takes over from one that is dead.

use std::time::Duration;

use domain::{UploadId, UserId};
use pool::{Lease, Leased, interval};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::running::Entry;
use super::{Upload, UploadError, Uploads};
use crate::media;

/// How long after its death a holder is waited for.
const LEASE: Duration = Duration::from_secs(4);
const UPLOADS: Leased = Leased { table: "uploads", key: "id", until: "lease_until" };
/// How often a holder looks whether somebody else asks for the upload.
const LOOK: Duration = Duration::from_millis(150);
/// How long a holder that lives is waited for: longer than a lease, so that one that died
/// meanwhile is taken over from.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(6);
/// How often it is tried again.
const AGAIN: Duration = Duration::from_millis(40);

/// The right to go on with an upload, until somebody else takes it.
pub struct UploadLease {
    recorder: Recorder,
    stop: CancellationToken,
    watching: AbortOnDropHandle<()>,
    _entry: Entry,
}

/// What of a lease it takes to record parts. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    id: UploadId,
    lease: Lease<Uuid>,
}

/// Bytes in storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPart {
    /// What stands before them.
    pub start: i64,
    /// How many.
    pub size: i64,
    /// Their object.
    pub key: String,
}

/// How far an upload has come, with the state that its hash is in there.
#[derive(Clone, Debug)]
pub struct UploadProgress {
    /// How many bytes it will have, where that is known by now.
    pub length: Option<i64>,
    /// How many it has.
    pub received: i64,
    /// Of these.
    pub hash: Sha256,
}

impl UploadProgress {
    /// From where the upload stands.
    pub fn of(upload: &Upload) -> Result<Self, sqlx::Error> {
        let hash = match &upload.hash {
            None => Sha256::new(),
            Some(state) => {
                let state = state.as_slice().try_into().ok();
                state.and_then(|state| Sha256::deserialize(state).ok()).ok_or_else(|| {
                    sqlx::Error::Decode("the hash of an upload cannot be read".into())
                })?
            }
        };
        Ok(Self { length: upload.length, received: upload.received, hash })
    }

    fn sha256(&self) -> Option<String> {
        let is_whole = self.length == Some(self.received);
        is_whole.then(|| hex::encode(self.hash.clone().finalize()))
    }
}

/// The SHA-256 of no bytes.
pub(super) fn of_nothing() -> String {
    hex::encode(Sha256::digest([]))
}

impl Uploads {
    /// The state of an upload once no request writes to it. Earlier ones record nothing more after that.
    pub async fn settled(&self, owner: UserId, id: UploadId) -> Result<Upload, UploadError> {
        self.take(owner, id, Duration::ZERO).await.map(|(upload, _)| upload)
    }

    /// The right to go on with an upload, and where it stands. `shutdown` also stops it.
    pub async fn lease(
        &self,
        owner: UserId,
        id: UploadId,
        shutdown: &CancellationToken,
    ) -> Result<(Upload, UploadLease), UploadError> {
        let (upload, fence) = self.take(owner, id, LEASE).await?;
        let stop = shutdown.child_token();
        let entry = self.running.note(id, fence, stop.clone());
        let lease = Lease::new(self.pool.clone(), &UPLOADS, id.uuid(), fence, LEASE);
        let recorder = Recorder { id, lease };
        let watching = tokio::spawn(recorder.clone().watch(stop.clone()));
        let watching = AbortOnDropHandle::new(watching);
        Ok((upload, UploadLease { recorder, stop, watching, _entry: entry }))
    }

    async fn take(
        &self,
        owner: UserId,
        id: UploadId,
        length: Duration,
    ) -> Result<(Upload, i64), UploadError> {
        let begun = Instant::now();
        loop {
            if let Some(taken) = self.try_to_take(owner, id, length).await? {
                return Ok(taken);
            }
            self.running.stop(id);
            if !self.ask_to_stop(owner, id).await? {
                match self.why_unavailable(owner, id).await? {
                    // It was let go just now.
                    UploadError::Locked => continue,
                    why => return Err(why),
                }
            }
            if begun.elapsed() > HOLDER_TIMEOUT {
                return Err(UploadError::Locked);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_to_take(
        &self,
        owner: UserId,
        id: UploadId,
        length: Duration,
    ) -> Result<Option<(Upload, i64)>, sqlx::Error> {
        #[derive(sqlx::FromRow)]
        struct Taken {
            fence: i64,
            #[sqlx(flatten)]
            upload: Upload,
        }
        let taken: Option<Taken> = sqlx::query_as(
            "UPDATE uploads SET fence = fence + 1, lease_until = now() + $3, stop_requested = false
             WHERE id = $1 AND owner = $2 AND expires_at > now()
             AND coalesce(lease_until, '-infinity') <= now()
             RETURNING fence, id, length, received, metadata, expires_at, hash",
        )
        .bind(id.uuid())
        .bind(owner.uuid())
        .bind(interval(length))
        .fetch_optional(&self.pool)
        .await?;
        Ok(taken.map(|taken| (taken.upload, taken.fence)))
    }

    /// Whether there is anybody to ask.
    async fn ask_to_stop(&self, owner: UserId, id: UploadId) -> Result<bool, sqlx::Error> {
        let asked = sqlx::query(
            "UPDATE uploads SET stop_requested = true
             WHERE id = $1 AND owner = $2 AND expires_at > now() AND lease_until > now()",
        );
        let asked = asked.bind(id.uuid()).bind(owner.uuid());
        Ok(asked.execute(&self.pool).await?.rows_affected() == 1)
    }
}

impl UploadLease {
    /// Cancelled when its holder is to end.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Records parts.
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Lets the next one in at once.
    pub async fn release(self) {
        drop(self.watching);
        if let Err(error) = self.recorder.lease.release().await {
            // It lapses by itself.
            tracing::warn!("an upload could not be released: {error}");
        }
    }
}

impl Recorder {
    /// Where the next part is to be stored.
    pub fn key(&self, start: i64) -> String {
        media::part(self.id, start, self.lease.fence())
    }

    /// Records parts that are in storage; gives when the upload expires. Only bytes that come in
    /// time move that.
    pub async fn record(
        &self,
        progress: &UploadProgress,
        parts: &[UploadPart],
    ) -> Result<OffsetDateTime, UploadError> {
        sqlx::query_scalar(
            "WITH mine AS (
                 UPDATE uploads SET length = $3, received = $4, hash = $5, sha256 = $6,
                     expires_at = CASE WHEN expires_at > now() AND cardinality($7::bigint[]) > 0
                                       THEN now() + interval '24 hours' ELSE expires_at END
                 WHERE id = $1 AND fence = $2 RETURNING id, expires_at
             ), parts AS (
                 INSERT INTO upload_parts (upload, start, size, key)
                 SELECT id, part.* FROM mine, unnest($7::bigint[], $8::bigint[], $9::text[]) AS part
             ) SELECT expires_at FROM mine",
        )
        .bind(self.id.uuid())
        .bind(self.lease.fence())
        .bind(progress.length)
        .bind(progress.received)
        .bind(progress.hash.serialize().as_slice())
        .bind(progress.sha256())
        .bind(parts.iter().map(|part| part.start).collect::<Vec<_>>())
        .bind(parts.iter().map(|part| part.size).collect::<Vec<_>>())
        .bind(parts.iter().map(|part| part.key.as_str()).collect::<Vec<_>>())
        .fetch_optional(self.lease.pool())
        .await?
        .ok_or(UploadError::Lost)
    }

    /// Keeps the lease until it is lost. Stops its holder then, or when somebody else asks for the upload.
    async fn watch(self, stop: CancellationToken) {
        tokio::select! {
            () = self.lease.keep() => {}
            () = self.look(&stop) => {}
        }
        stop.cancel();
    }

    /// Stops the holder when somebody asks for the upload; returns where it is somebody else's.
    async fn look(&self, stop: &CancellationToken) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.is_asked_for().await {
                Ok(Some(true)) => stop.cancel(),
                Ok(Some(false)) => {}
                Ok(None) => return,
                Err(error) => tracing::warn!("an upload's lease could not be looked at: {error}"),
            }
        }
    }

    /// Whether somebody asks for the upload; `None` where it is somebody else's.
    async fn is_asked_for(&self) -> Result<Option<bool>, sqlx::Error> {
        sqlx::query_scalar("SELECT stop_requested FROM uploads WHERE id = $1 AND fence = $2")
            .bind(self.id.uuid())
            .bind(self.lease.fence())
            .fetch_optional(self.lease.pool())
            .await
    }
}
