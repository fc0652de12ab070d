//! Reading the log's rows.

use domain::{Recorded, Stored, StreamId};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::StoreError;
use super::connections::Connections;

/// What [`decode`] needs of a row.
pub(crate) const COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type,
    event_version, payload::text AS payload, metadata::text AS metadata, position, event_id,
    recorded_at";

/// One stream from its beginning, and how many bytes its payloads have.
pub(super) async fn stream(
    connections: &Connections,
    stream: StreamId,
) -> Result<(Vec<Recorded>, usize), StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2
         ORDER BY sequence"
    );
    let query = sqlx::query(&sql).bind(stream.kind.as_str()).bind(stream.id.to_string());
    let mut conn = connections.take().await?;
    let rows = query.fetch_all(&mut *conn).await?;
    connections.keep(conn);
    let mut payloads = 0;
    for row in &rows {
        payloads += row.try_get::<&str, _>("payload")?.len();
    }
    Ok((rows.iter().map(decode).collect::<Result<_, _>>()?, payloads))
}

/// An event as it stands there: personal data is sealed.
pub(crate) fn decode(row: &PgRow) -> Result<Recorded, StoreError> {
    let id: &str = row.try_get("aggregate_id")?;
    Ok(Recorded::decode(&Stored {
        stream_type: row.try_get("aggregate_type")?,
        stream_id: Uuid::try_parse(id).map_err(|error| sqlx::Error::Decode(error.into()))?,
        sequence: row.try_get("sequence")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload: row.try_get("payload")?,
        metadata: row.try_get("metadata")?,
        position: row.try_get("position")?,
        event_id: row.try_get("event_id")?,
        at: row.try_get("recorded_at")?,
    })?)
}

/// What can't be: a stream's kind says which events it has.
pub(super) fn of_another_kind(stream: StreamId) -> StoreError {
    sqlx::Error::Decode(format!("{stream} has an event of another kind of stream").into()).into()
}
