//! Events without their payload and metadata, for those who only pass on that something happened.

use pool::PgPool;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::LogError;
use crate::error::follows;

/// An event without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Envelope {
    /// Place in the log, from 1 on.
    pub position: i64,
    /// Its stream's type.
    pub stream_type: String,
    /// Its stream's id.
    pub stream_id: String,
    /// Place in the stream, from 1 on.
    pub sequence: i64,
    /// Its id.
    pub event_id: Uuid,
    /// The variant's name.
    pub event_type: String,
    /// When it was committed.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

/// The next events after a position, no more than `limit`.
pub async fn envelopes(pool: &PgPool, after: i64, limit: i64) -> Result<Vec<Envelope>, LogError> {
    let rows: Vec<Envelope> = sqlx::query_as(
        "SELECT position, aggregate_type AS stream_type, aggregate_id AS stream_id, sequence, \
         event_id, event_type, recorded_at AS time \
         FROM events WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    for (row, expected) in rows.iter().zip(after + 1..) {
        follows(row.position, expected, |position| format!("position {position}"))?;
    }
    Ok(rows)
}

/// Whether the log has that event at that position.
pub async fn contains(pool: &PgPool, position: i64, event_id: Uuid) -> Result<bool, LogError> {
    let found = "SELECT EXISTS (SELECT FROM events WHERE position = $1 AND event_id = $2)";
    Ok(sqlx::query_scalar(found).bind(position).bind(event_id).fetch_one(pool).await?)
}
