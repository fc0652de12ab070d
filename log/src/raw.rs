//! Events byte by byte, as they were written: what a commitment to an event is computed from.

use pool::PgConnection;
use uuid::Uuid;

use crate::LogError;

/// An event as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Raw {
    /// Where it stands in the log, from 1 on.
    pub position: i64,
    /// Its id.
    pub event_id: Uuid,
    /// What it says: JSON, personal data sealed, the bytes as they were appended.
    pub payload: String,
    /// Who did it: JSON, the bytes as they were appended.
    pub metadata: String,
    /// 32 random bytes, which hide the payload behind a commitment.
    pub salt: Vec<u8>,
}

/// The events at these positions as far as the log has them, in its order.
pub async fn raw(conn: &mut PgConnection, positions: &[i64]) -> Result<Vec<Raw>, LogError> {
    let sql = "SELECT position, event_id, payload::text AS payload, metadata::text AS metadata, salt \
               FROM events WHERE position = ANY($1) ORDER BY position";
    Ok(sqlx::query_as(sql).bind(positions).fetch_all(conn).await?)
}
