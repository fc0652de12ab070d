//! Resumable uploads: what has arrived of each, where it is, and who may go on with it.
//!
//! The bytes are in storage, as a chain of parts; here is what counts as received. A part counts
//! once it is recorded, which takes the fence: a request that was presumed dead records nothing more.

mod lease;
mod running;

use std::sync::Arc;

use domain::product::UploadedVideo;
use domain::{FieldErrors, ProductId, Refusal, UploadId, UserId};
use pool::{PgPool, Statement};
use time::OffsetDateTime;
use uuid::Uuid;

pub use lease::{Recorder, UploadLease, UploadPart, UploadProgress};

use crate::CommandError;
use crate::store::{Condition, Unmet};
use running::Running;

/// Uploads of one person that no product has taken: as many as that, and as many times the
/// largest video in bytes.
const MOST: i64 = 1000;
const MOST_VIDEOS: i64 = 20;

/// An upload as far as it has come.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Upload {
    /// Which.
    pub id: Uuid,
    /// How many bytes it will have, where the client has said so.
    pub length: Option<i64>,
    /// How many it has.
    pub received: i64,
    /// `Upload-Metadata` as it was sent.
    pub metadata: String,
    /// When it goes, unless bytes come or a product takes it.
    pub expires_at: OffsetDateTime,
    /// The state of SHA-256 over what was received; `None` where that is nothing.
    pub hash: Option<Vec<u8>>,
}

/// Why nothing can be done with an upload.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is none of that person.
    #[error("there is no such upload")]
    NotFound,
    /// Its time is over.
    #[error("the upload has expired")]
    Expired,
    /// Another request is writing to it, and did not end in time.
    #[error("another request is at the upload")]
    Locked,
    /// Another request has taken over.
    #[error("another request has taken the upload over")]
    Lost,
    /// A product has taken it.
    #[error("a product has taken the upload")]
    Taken,
    /// The person has too many.
    #[error("too many uploads")]
    TooMany,
    /// The database failed.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
}

/// Uploads, and which of them this process is at. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    pool: PgPool,
    running: Arc<Running>,
}

impl Uploads {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, running: Arc::default() }
    }

    /// These uploads, over connections of another pool.
    pub(crate) fn with_pool(&self, pool: &PgPool) -> Self {
        Self { pool: pool.clone(), ..self.clone() }
    }

    /// Makes an upload of nothing yet. `largest` is what a video may have at most; an upload of
    /// unknown length counts as that much.
    pub async fn create(
        &self,
        owner: UserId,
        length: Option<i64>,
        metadata: &str,
        largest: i64,
    ) -> Result<Upload, UploadError> {
        let empty = (length == Some(0)).then(lease::of_nothing);
        sqlx::query_as(
            "INSERT INTO uploads (id, owner, length, metadata, sha256, expires_at)
             SELECT $1, $2, $3, $4, $5, now() + interval '24 hours'
             FROM (SELECT count(*) AS number, coalesce(sum(coalesce(length, $6)), 0) AS bytes
                   FROM uploads WHERE owner = $2 AND product IS NULL AND expires_at > now()) AS had
             WHERE number < $7 AND bytes + coalesce($3, $6) <= $6::numeric * $8
             RETURNING id, length, received, metadata, expires_at, hash",
        )
        .bind(Uuid::now_v7())
        .bind(owner.uuid())
        .bind(length)
        .bind(metadata)
        .bind(empty)
        .bind(largest)
        .bind(MOST)
        .bind(MOST_VIDEOS)
        .fetch_optional(&self.pool)
        .await?
        .ok_or(UploadError::TooMany)
    }

    /// Removes an upload that no product has taken; gives the keys of its parts, which nothing
    /// refers to any more. A request that writes to it can record nothing more.
    pub async fn delete(&self, owner: UserId, id: UploadId) -> Result<Vec<String>, UploadError> {
        let (removed, keys): (bool, Vec<String>) = sqlx::query_as(
            "WITH gone AS (DELETE FROM uploads WHERE id = $1 AND owner = $2 AND product IS NULL
                           AND expires_at > now() RETURNING id)
             SELECT EXISTS (SELECT FROM gone),
                    ARRAY(SELECT key FROM upload_parts WHERE upload IN (SELECT id FROM gone))",
        )
        .bind(id.uuid())
        .bind(owner.uuid())
        .fetch_one(&self.pool)
        .await?;
        self.running.stop(id);
        if removed { Ok(keys) } else { Err(self.why_unavailable(owner, id).await?) }
    }

    /// The video that a finished upload would be, with what is wrong with it as a field's error.
    pub(crate) async fn finished(
        &self,
        owner: UserId,
        id: UploadId,
    ) -> Result<UploadedVideo, CommandError> {
        let found: Option<(i64, Option<String>)> = sqlx::query_as(
            "SELECT received, sha256 FROM uploads
             WHERE id = $1 AND owner = $2 AND product IS NULL AND expires_at > now()",
        )
        .bind(id.uuid())
        .bind(owner.uuid())
        .fetch_optional(&self.pool)
        .await?;
        match found {
            None => Err(unknown()),
            Some((0, Some(_))) => Err(wrong("This upload is empty.")),
            Some((size, Some(sha256))) => Ok(UploadedVideo { upload: id, size, sha256 }),
            Some((_, None)) => Err(wrong("This upload is not finished: send the rest first.")),
        }
    }

    /// What stands in the way.
    async fn why_unavailable(
        &self,
        owner: UserId,
        id: UploadId,
    ) -> Result<UploadError, sqlx::Error> {
        let state: Option<(bool, bool)> = sqlx::query_as(
            "SELECT product IS NOT NULL, expires_at <= now() FROM uploads
             WHERE id = $1 AND owner = $2",
        )
        .bind(id.uuid())
        .bind(owner.uuid())
        .fetch_optional(&self.pool)
        .await?;
        Ok(match state {
            None => UploadError::NotFound,
            Some((true, _)) => UploadError::Taken,
            Some((false, true)) => UploadError::Expired,
            Some((false, false)) => UploadError::Locked,
        })
    }
}

/// Takes an upload for a product, in the transaction of the product's events; of two takers the second fails.
pub(crate) fn take(owner: UserId, upload: UploadId, product: ProductId) -> Condition {
    let statement = Statement::new(
        "UPDATE uploads SET product = $3 WHERE id = $1 AND owner = $2 AND product IS NULL
         AND sha256 IS NOT NULL AND expires_at > clock_timestamp()",
    );
    let statement = statement.bind(upload.uuid()).bind(owner.uuid()).bind(product.uuid());
    Condition { statement, unmet: Unmet::Refused(gone()) }
}

/// Forgets what an erased person called their uploads, and lets those expire that no product has taken.
pub(crate) fn forget(person: UserId) -> Statement {
    Statement::new(
        "UPDATE uploads SET metadata = '',
             expires_at = CASE WHEN product IS NULL THEN now() ELSE expires_at END
         WHERE owner = $1",
    )
    .bind(person.uuid())
}

/// There is no upload to be taken.
pub(crate) fn unknown() -> CommandError {
    CommandError::Refused(gone())
}

/// The refusal where there is no upload to be taken.
fn gone() -> Refusal {
    let detail = "There is no such upload of yours, or it was used, or it has expired.";
    FieldErrors::one("upload_id", detail).into()
}

fn wrong(message: &str) -> CommandError {
    CommandError::field("upload_id", message)
}
