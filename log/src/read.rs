//! Reading the log by position.

use domain::Recorded;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use pool::PgConnection;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::LogError;
use crate::error::follows;
use crate::row::{COLUMNS, decode, decode_all};

/// The position of the last event, 0 where there is none, as an expression of SQL.
pub const HEAD: &str = "(SELECT position FROM log_head)";

/// The position of the last event; 0 where there is none.
pub async fn head(conn: &mut PgConnection) -> Result<i64, LogError> {
    Ok(sqlx::query_scalar("SELECT position FROM log_head").fetch_one(conn).await?)
}

/// The position of the last event; nothing is appended until the transaction ends.
pub async fn lock_head(conn: &mut PgConnection) -> Result<i64, LogError> {
    Ok(sqlx::query_scalar("SELECT position FROM log_head FOR UPDATE").fetch_one(conn).await?)
}

/// The position of the last event with its id; 0 and none where there is none.
pub async fn tip(conn: &mut PgConnection) -> Result<(i64, Option<Uuid>), LogError> {
    let tip =
        "SELECT position, (SELECT event_id FROM events WHERE events.position = log_head.position)
               FROM log_head";
    Ok(sqlx::query_as(tip).fetch_one(conn).await?)
}

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
    decode_contiguous(
        rows,
        after,
        |recorded| recorded.position,
        |position| format!("position {position}"),
    )
    .await
}

/// The events at these positions, as far as the log has them.
pub async fn at(conn: &mut PgConnection, positions: &[i64]) -> Result<Vec<Recorded>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position = ANY($1)");
    decode_all(&sqlx::query(&sql).bind(positions).fetch_all(conn).await?)
}

/// Events that have to follow one another, by their `place`.
pub(crate) async fn decode_contiguous(
    mut rows: BoxStream<'_, Result<PgRow, sqlx::Error>>,
    mut after: i64,
    place: impl Fn(&Recorded) -> i64 + Send,
    name: impl Fn(i64) -> String + Send,
) -> Result<Vec<Recorded>, LogError> {
    let mut all = vec![];
    while let Some(row) = rows.try_next().await? {
        let recorded = decode(&row)?;
        let found = place(&recorded);
        follows(found, after + 1, &name)?;
        after = found;
        all.push(recorded);
    }
    Ok(all)
}
