//! The log as the relay reads it: envelopes only, so that no payload is ever near NATS.

use pool::PgPool;
use uuid::Uuid;

use super::NAME;
use crate::nats::Envelope;
use crate::supervise::Fault;

/// Messages in flight at once.
pub(super) const BATCH: usize = 512;

/// The next events after a position.
pub(super) async fn read(pool: &PgPool, after: i64) -> Result<Vec<Envelope>, Fault> {
    let rows: Vec<Envelope> = sqlx::query_as(
        "SELECT position, aggregate_type AS stream_type, aggregate_id AS stream_id, sequence, \
         event_id, event_type, recorded_at AS time \
         FROM events WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(after)
    .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    match rows.iter().zip(after + 1..).find(|(row, expected)| row.position != *expected) {
        Some((row, expected)) => Err(Fault::Halt(format!(
            "the log has a gap: position {expected} should follow, {} does",
            row.position
        ))),
        None => Ok(rows),
    }
}

/// How many events have not been published.
pub(super) async fn lag(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT position - coalesce((SELECT position FROM checkpoints WHERE subscriber = $1), 0) \
         FROM log_head",
    )
    .bind(NAME)
    .fetch_one(pool)
    .await
}

/// Whether the log has that event at that position.
pub(super) async fn has(pool: &PgPool, position: i64, event_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM events WHERE position = $1 AND event_id = $2)")
        .bind(position)
        .bind(event_id)
        .fetch_one(pool)
        .await
}
