//! Snapshots: rows of long streams at every hundredth version or so, which `commands` keeps beside its
//! aggregates. The past is folded from the nearest one on, and what a page of a timeline begins with.
//!
//! They are disposable: where there is none, or none of this program's format, the stream is read from its
//! beginning.

mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Aggregate, Recorded, StreamId, StreamType, snapshot_format};
use pool::PgConnection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::log::UpTo;
use crate::models::{AnyRow, ReadModels};
use crate::{Fold, OrderRow, ProductRow, UserRow, machine};

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
    let state = match kind {
        StreamType::User => domain::user::User::FORMAT,
        StreamType::Category => domain::category::Category::FORMAT,
        StreamType::Product => domain::product::Product::FORMAT,
        StreamType::Order => domain::order::Order::FORMAT,
    };
    snapshot_format(state, ReadModels::row_version(kind))
}

/// Rows that one stream makes alone, as `commands` keeps them: a [`ProductRow`], [`OrderRow`] or
/// [`UserRow`].
impl ReadModels {
    /// The row that events of one stream make of the one before them.
    pub fn row(before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        fn row<F: Fold>(before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
            let before = before.and_then(|row| row.downcast_ref::<F>()).cloned();
            machine::row::<F>(before, part).map(|row| Arc::new(row) as AnyRow)
        }
        match part.first()?.stream.kind {
            StreamType::Product => row::<ProductRow>(before, part),
            StreamType::Order => row::<OrderRow>(before, part),
            StreamType::User => row::<UserRow>(before, part),
            StreamType::Category => None,
        }
    }

    /// Of the fold that makes the row.
    pub const fn row_version(kind: StreamType) -> i32 {
        match kind {
            StreamType::Product => ProductRow::TABLE.version,
            StreamType::Order => OrderRow::TABLE.version,
            StreamType::User => UserRow::TABLE.version,
            StreamType::Category => 0,
        }
    }

    /// A row as JSON.
    pub fn write_row(kind: StreamType, row: &AnyRow) -> Option<String> {
        fn write<F: Serialize + 'static>(row: &AnyRow) -> Option<String> {
            serde_json::to_string(row.downcast_ref::<F>()?).ok()
        }
        match kind {
            StreamType::Product => write::<ProductRow>(row),
            StreamType::Order => write::<OrderRow>(row),
            StreamType::User => write::<UserRow>(row),
            StreamType::Category => None,
        }
    }

    /// What [`Self::write_row`] has written; `None` where it cannot be read.
    pub fn read_row(kind: StreamType, json: &str) -> Option<AnyRow> {
        fn read<F: DeserializeOwned + Send + Sync + 'static>(json: &str) -> Option<AnyRow> {
            serde_json::from_str::<F>(json).ok().map(|row| Arc::new(row) as AnyRow)
        }
        match kind {
            StreamType::Product => read::<ProductRow>(json),
            StreamType::Order => read::<OrderRow>(json),
            StreamType::User => read::<UserRow>(json),
            StreamType::Category => None,
        }
    }
}
