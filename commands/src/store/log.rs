//! Reading the log's rows.

use domain::{Recorded, Stored, StreamId};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::StoreError;

/// What [`decode`] needs of a row.
pub(crate) const COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type,
    event_version, payload::text AS payload, metadata::text AS metadata, position, event_id,
    recorded_at";

/// Which stream a row is of.
pub(super) fn stream(row: &PgRow) -> Result<StreamId, sqlx::Error> {
    let decode = |error: String| sqlx::Error::Decode(error.into());
    let kind = row.try_get::<&str, _>("aggregate_type")?.parse().map_err(decode)?;
    let id = Uuid::try_parse(row.try_get("aggregate_id")?).map_err(|id| decode(id.to_string()))?;
    Ok(StreamId { kind, id })
}

/// Bytes of a row's payload.
pub(super) fn payload(row: &PgRow) -> Result<usize, sqlx::Error> {
    Ok(row.try_get::<&str, _>("payload")?.len())
}

/// An event as it stands there: personal data is sealed.
pub(crate) fn decode(row: &PgRow) -> Result<Recorded, StoreError> {
    Ok(Recorded::decode(&Stored {
        stream_type: row.try_get("aggregate_type")?,
        stream_id: stream(row)?.id,
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
