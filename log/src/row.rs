//! A row of the log, and the event that it holds.

use domain::{Recorded, Stored, StreamId};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::LogError;

/// What [`decode`] needs of a row.
pub const COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type, event_version, \
    payload::text AS payload, metadata::text AS metadata, position, event_id, recorded_at";

/// The event of a row with [`COLUMNS`]; personal data in it is sealed.
pub fn decode(row: &PgRow) -> Result<Recorded, LogError> {
    let position = row.try_get("position")?;
    let id: &str = row.try_get("aggregate_id")?;
    let stream_id =
        Uuid::try_parse(id).map_err(|_| LogError::StreamId { position, id: id.to_owned() })?;
    Recorded::decode(&Stored {
        stream_type: row.try_get("aggregate_type")?,
        stream_id,
        sequence: row.try_get("sequence")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload: row.try_get("payload")?,
        metadata: row.try_get("metadata")?,
        position,
        event_id: row.try_get("event_id")?,
        at: row.try_get("recorded_at")?,
    })
    .map_err(|source| LogError::Undecodable { position, source })
}

/// The events of rows with [`COLUMNS`], in their order.
pub fn decode_all(rows: &[PgRow]) -> Result<Vec<Recorded>, LogError> {
    rows.iter().map(decode).collect()
}

/// The stream of a row that has at least `aggregate_type` and `aggregate_id`.
pub fn stream_of(row: &PgRow) -> Result<StreamId, sqlx::Error> {
    let unreadable = |error: String| sqlx::Error::Decode(error.into());
    let kind = row.try_get::<&str, _>("aggregate_type")?.parse().map_err(unreadable)?;
    let id = Uuid::try_parse(row.try_get("aggregate_id")?)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(StreamId { kind, id })
}

/// The length of a row's payload.
pub fn payload_bytes(row: &PgRow) -> Result<usize, sqlx::Error> {
    Ok(row.try_get::<&str, _>("payload")?.len())
}
