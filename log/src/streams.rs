//! Reading streams.

use domain::{EventType, Moment, Recorded, StreamId, StreamType};
use pool::PgConnection;
use sqlx::QueryBuilder;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::LogError;
use crate::error::follows;
use crate::read::decode_contiguous;
use crate::row::{COLUMNS, decode_all};

/// How far a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// All of it.
    End,
    /// What happened by that time, inclusive.
    Time(OffsetDateTime),
    /// Up to that sequence, inclusive.
    Sequence(i64),
}

impl From<Option<Moment>> for UpTo {
    fn from(moment: Option<Moment>) -> Self {
        moment.map_or(Self::End, |moment| Self::Time(moment.utc()))
    }
}

/// One stream from its beginning.
pub async fn stream(
    conn: &mut PgConnection,
    stream: StreamId,
    up_to: impl Into<UpTo>,
) -> Result<Vec<Recorded>, LogError> {
    stream_between(conn, stream, (0, i64::MAX), up_to.into()).await
}

/// One stream between two sequences, both exclusive, as far as `up_to` says.
pub async fn stream_between(
    conn: &mut PgConnection,
    stream: StreamId,
    (after, before): (i64, i64),
    up_to: UpTo,
) -> Result<Vec<Recorded>, LogError> {
    let (time, sequence) = match up_to {
        UpTo::End => (None, i64::MAX),
        UpTo::Time(time) => (Some(time), i64::MAX),
        UpTo::Sequence(sequence) => (None, sequence),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 \
         AND sequence > $3 AND sequence <= $4 AND recorded_at <= coalesce($5, 'infinity') \
         ORDER BY sequence"
    );
    let rows = sqlx::query(&sql)
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .bind(after)
        .bind(sequence.min(before - 1))
        .bind(time)
        .fetch(conn);
    decode_contiguous(
        rows,
        after,
        |recorded| recorded.sequence,
        |sequence| format!("{stream} {sequence}"),
    )
    .await
}

/// The events of one stream before a sequence, newest first, or from there on, oldest first; no more
/// than `limit`.
pub async fn beside(
    conn: &mut PgConnection,
    stream: StreamId,
    sequence: i64,
    before: bool,
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let part = if before {
        "sequence < $3 ORDER BY sequence DESC"
    } else {
        "sequence >= $3 ORDER BY sequence"
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 \
         AND {part} LIMIT $4"
    );
    let rows = sqlx::query(&sql)
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .bind(sequence)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    decode_all(&rows)
}

/// The last events of several streams of one kind, each after one sequence and before another, both
/// exclusive, and no more than `limit`: one stream after another, each in its order. Where `types` has any,
/// only events of these.
pub async fn last_between(
    conn: &mut PgConnection,
    kind: StreamType,
    places: &[(Uuid, i64, i64)],
    types: &[EventType],
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let ids: Vec<_> = places.iter().map(|(id, ..)| id.to_string()).collect();
    let (after, before): (Vec<_>, Vec<_>) =
        places.iter().map(|(_, after, before)| (*after, *before)).unzip();
    let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} FROM unnest("));
    sql.push_bind(ids).push("::text[], ").push_bind(after).push("::bigint[], ").push_bind(before);
    sql.push("::bigint[]) AS places (id, after, before) CROSS JOIN LATERAL ");
    sql.push("(SELECT * FROM events WHERE aggregate_type = ").push_bind(kind.as_str());
    sql.push(
        " AND aggregate_id = places.id AND sequence > places.after AND sequence < places.before",
    );
    if !types.is_empty() {
        let names: Vec<_> = types.iter().map(|event| event.name()).collect();
        sql.push(" AND event_type = ANY(").push_bind(names).push(")");
    }
    sql.push(" ORDER BY sequence DESC LIMIT ").push_bind(limit);
    sql.push(") AS last ORDER BY aggregate_id, sequence");
    let rows = sql.build().fetch_all(conn).await?;
    let recorded = decode_all(&rows)?;
    if types.is_empty() {
        without_gaps(&recorded)?;
    }
    Ok(recorded)
}

/// Checks parts of streams, one after another.
fn without_gaps(recorded: &[Recorded]) -> Result<(), LogError> {
    recorded.chunk_by(|one, next| one.stream == next.stream).try_for_each(|part| {
        let first = part.first().map_or(1, |event| event.sequence);
        part.iter().zip(first..).try_for_each(|(event, expected)| {
            follows(event.sequence, expected, |sequence| format!("{} {sequence}", event.stream))
        })
    })
}
