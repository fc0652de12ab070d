//! Reading the log.

use domain::{DecodeError, Moment, Recorded, Stored, StreamId, StreamType, UserId};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use pool::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{QueryBuilder, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::page::{Key, SortBy};
use crate::scan::{Keyed, Scan, Section};
use crate::snapshot;

/// The log can't be read on; nothing is ever skipped.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An event that this program can't read.
    #[error("the event at position {position} cannot be read: {source}")]
    Undecodable {
        /// Where it is.
        position: i64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A stream id that is no UUID.
    #[error("the event at position {position} has the stream id {id:?}, which is no UUID")]
    StreamId {
        /// Where it is.
        position: i64,
        /// As it stands there.
        id: String,
    },
    /// An event is missing.
    #[error("the log has a gap: {expected} should follow, {found} does")]
    Gap {
        /// The position, or the stream and sequence, that should follow.
        expected: String,
        /// What does.
        found: String,
    },
    /// The database refused.
    #[error("the log cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

const COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type, event_version, \
    payload::text AS payload, metadata::text AS metadata, position, event_id, recorded_at";

/// The events after one position and up to another, inclusive, but no more than `limit`.
pub async fn read(
    conn: &mut PgConnection,
    after: i64,
    up_to: i64,
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE position > $1 AND position <= $2 \
         ORDER BY position LIMIT $3"
    );
    let rows = sqlx::query(&sql).bind(after).bind(up_to).bind(limit).fetch(conn);
    decode(rows, after, |recorded| recorded.position, |position| format!("position {position}"))
        .await
}

/// Which part of a log somebody follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// One stream.
    Stream(StreamId),
    /// All of one kind.
    Kind(StreamType),
    /// The products that are an account's own.
    ProductsOf(UserId),
}

/// The events of a part after one position and up to another, inclusive, but no more than `limit`.
/// Of one stream they are found by stream, otherwise by position.
pub(crate) async fn read_part(
    conn: &mut PgConnection,
    part: Part,
    (after, up_to): (i64, i64),
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} FROM events WHERE position > "));
    sql.push_bind(after).push(" AND position <= ").push_bind(up_to);
    sql.push(" AND aggregate_type = ");
    match part {
        Part::Stream(stream) => {
            sql.push_bind(stream.kind.as_str()).push(" AND aggregate_id = ");
            sql.push_bind(stream.id.to_string()).push(" AND sequence > ");
            snapshot::push_reached(&mut sql, stream, after);
            sql.push(" ORDER BY sequence");
        }
        Part::Kind(kind) => {
            sql.push_bind(kind.as_str()).push(" ORDER BY position");
        }
        Part::ProductsOf(owner) => {
            sql.push_bind(StreamType::Product.as_str());
            sql.push(" AND aggregate_id IN (SELECT id::text FROM products WHERE owner_id = ");
            // The index of an owner's rows has this condition; it always holds.
            sql.push_bind(owner.uuid());
            sql.push(" AND created_at >= '-infinity') ORDER BY position");
        }
    }
    sql.push(" LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(conn).await?;
    rows.iter().map(decode_row).collect()
}

/// The events at these positions, as far as the log has them.
pub async fn at(conn: &mut PgConnection, positions: &[i64]) -> Result<Vec<Recorded>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position = ANY($1)");
    let rows = sqlx::query(&sql).bind(positions).fetch_all(conn).await?;
    rows.iter().map(decode_row).collect()
}

/// The position of the last event; 0 where there is none.
pub async fn head(conn: &mut PgConnection) -> Result<i64, LogError> {
    Ok(sqlx::query_scalar("SELECT position FROM log_head").fetch_one(conn).await?)
}

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
pub(crate) async fn stream_between(
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
    decode(rows, after, |recorded| recorded.sequence, |sequence| format!("{stream} {sequence}"))
        .await
}

/// The events of one stream before a sequence, newest first, or from there on, oldest first; no more
/// than `limit`.
pub(crate) async fn beside(
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
    rows.iter().map(decode_row).collect()
}

/// The events of one stream as a list has them that is sorted by sequence.
pub(crate) async fn page(
    conn: &mut PgConnection,
    stream: StreamId,
    scan: &Scan<'_>,
) -> Result<Vec<Recorded>, LogError> {
    let mut sql = QueryBuilder::new(format!(
        "SELECT * FROM (SELECT {COLUMNS}, sequence AS created_position FROM events \
         WHERE aggregate_type = "
    ));
    sql.push_bind(stream.kind.as_str()).push(" AND aggregate_id = ");
    sql.push_bind(stream.id.to_string()).push(") events WHERE true");
    scan.push_section(&mut sql, Section::Whole);
    scan.push_order(&mut sql, Section::Whole, scan.rows());
    let rows = sql.build().fetch_all(conn).await?;
    rows.iter().map(decode_row).collect()
}

impl Keyed for Recorded {
    /// Of a list of one stream.
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.sequence)
    }
}

/// The last events of several streams of one kind, each after one sequence and before another, both
/// exclusive, and no more than `limit`: one stream after another, each in its order. Where `types` has any,
/// only events of these.
pub(crate) async fn last_between(
    conn: &mut PgConnection,
    kind: StreamType,
    places: &[(Uuid, i64, i64)],
    types: &[&str],
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
        sql.push(" AND event_type = ANY(").push_bind(types).push(")");
    }
    sql.push(" ORDER BY sequence DESC LIMIT ").push_bind(limit);
    sql.push(") AS last ORDER BY aggregate_id, sequence");
    let rows = sql.build().fetch_all(conn).await?;
    let recorded: Vec<_> = rows.iter().map(decode_row).collect::<Result<_, _>>()?;
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

async fn decode(
    mut rows: BoxStream<'_, Result<PgRow, sqlx::Error>>,
    mut after: i64,
    place: impl Fn(&Recorded) -> i64 + Send,
    name: impl Fn(i64) -> String + Send,
) -> Result<Vec<Recorded>, LogError> {
    let mut all = vec![];
    while let Some(row) = rows.try_next().await? {
        let recorded = decode_row(&row)?;
        let found = place(&recorded);
        follows(found, after + 1, &name)?;
        after = found;
        all.push(recorded);
    }
    Ok(all)
}

fn follows(found: i64, expected: i64, name: impl Fn(i64) -> String) -> Result<(), LogError> {
    if found == expected {
        return Ok(());
    }
    Err(LogError::Gap { expected: name(expected), found: name(found) })
}

fn decode_row(row: &PgRow) -> Result<Recorded, LogError> {
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
