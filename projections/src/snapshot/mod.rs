//! Snapshots: rows of long streams at every hundredth version or so, which `commands` keeps beside its
//! aggregates. The past is folded from the nearest one on, and what a page of a timeline begins with.
//!
//! They are disposable: where there is none, or none of this program's format, the stream is read from its
//! beginning.

mod row;
mod verify;

use std::collections::HashMap;

use domain::{Aggregate, StreamId, StreamType, snapshot_format};
use log::UpTo;
use pool::PgConnection;
use serde::de::DeserializeOwned;
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::models;

pub(crate) use row::{Alone, Shared, StreamRow};
pub(crate) use verify::verify;

/// A snapshot of a stream.
#[derive(FromRow)]
pub(crate) struct Snapshot {
    aggregate_id: String,
    /// The version that it is of.
    pub(crate) sequence: i64,
    state: String,
    read_model: Option<String>,
}

impl Snapshot {
    /// The row of that version; `None` where it is none of this program's.
    pub(crate) fn row<F: DeserializeOwned>(&self) -> Option<F> {
        serde_json::from_str(self.read_model.as_ref()?).ok()
    }

    /// The aggregate of that version, without what it says about people.
    pub(crate) fn state<A: Aggregate>(&self) -> Option<A> {
        serde_json::from_str(&self.state).ok()
    }
}

/// The newest snapshot up to there, and the sequence of the first one after it.
pub(crate) async fn around(
    conn: &mut PgConnection,
    stream: StreamId,
    up_to: UpTo,
) -> Result<(Option<Snapshot>, Option<i64>), sqlx::Error> {
    let (sequence, time) = match up_to {
        UpTo::End => (i64::MAX, None),
        UpTo::Time(time) => (i64::MAX, Some(time)),
        UpTo::Sequence(sequence) => (sequence, None),
    };
    let of = "aggregate_type = $1 AND aggregate_id = $2 AND format = $3";
    let is_in = "sequence <= $4 AND ($5::timestamptz IS NULL OR recorded_at <= $5)";
    let before = format!(
        "SELECT aggregate_id, sequence, state::text AS state, read_model::text AS read_model \
         FROM snapshots WHERE {of} AND {is_in} ORDER BY sequence DESC LIMIT 1"
    );
    let after = format!(
        "SELECT sequence FROM snapshots WHERE {of} AND NOT ({is_in}) ORDER BY sequence LIMIT 1"
    );
    let (kind, id, format) = (stream.kind.as_str(), stream.id.to_string(), format_of(stream.kind));
    let before =
        sqlx::query_as(&before).bind(kind).bind(&id).bind(format).bind(sequence).bind(time);
    let before = before.fetch_optional(&mut *conn).await?;
    let after =
        sqlx::query_scalar(&after).bind(kind).bind(&id).bind(format).bind(sequence).bind(time);
    Ok((before, after.fetch_optional(conn).await?))
}

/// The newest snapshot of each of these streams before a sequence.
pub(crate) async fn before(
    conn: &mut PgConnection,
    kind: StreamType,
    places: &[(Uuid, i64)],
) -> Result<HashMap<Uuid, Snapshot>, sqlx::Error> {
    let (ids, sequences): (Vec<_>, Vec<_>) =
        places.iter().map(|(id, sequence)| (id.to_string(), *sequence)).unzip();
    let found: Vec<Snapshot> = sqlx::query_as(
        "SELECT aggregate_id, sequence, state::text AS state, read_model::text AS read_model \
         FROM unnest($3::text[], $4::bigint[]) AS places (id, before) CROSS JOIN LATERAL \
         (SELECT * FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = places.id \
          AND format = $2 AND sequence < places.before ORDER BY sequence DESC LIMIT 1) AS newest",
    )
    .bind(kind.as_str())
    .bind(format_of(kind))
    .bind(ids)
    .bind(sequences)
    .fetch_all(conn)
    .await?;
    let by_id = |found: Snapshot| Some((Uuid::try_parse(&found.aggregate_id).ok()?, found));
    Ok(found.into_iter().filter_map(by_id).collect())
}

/// Adds the version of a stream's newest snapshot up to a position; 0 where there is none.
pub(crate) fn push_reached(sql: &mut QueryBuilder<'_, Postgres>, stream: StreamId, up_to: i64) {
    sql.push("coalesce((SELECT sequence FROM snapshots WHERE aggregate_type = ");
    sql.push_bind(stream.kind.as_str()).push(" AND aggregate_id = ");
    sql.push_bind(stream.id.to_string()).push(" AND format = ").push_bind(format_of(stream.kind));
    sql.push(" AND position <= ").push_bind(up_to).push(" ORDER BY sequence DESC LIMIT 1), 0)");
}

/// The format of snapshots of that kind that this program reads.
fn format_of(kind: StreamType) -> i32 {
    snapshot_format(kind.state_format(), models::stream(kind).map_or(0, StreamRow::version))
}
