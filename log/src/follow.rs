//! Following one kind of stream along the log.

use std::time::Duration;

use domain::{Recorded, StreamType};
use pool::{PgConnection, PgPool};

use crate::LogError;
use crate::row::{COLUMNS, decode_all};

/// The events of one kind of stream after one position and up to another, inclusive, in order; no more
/// than `limit`.
pub async fn follow(
    conn: &mut PgConnection,
    kind: StreamType,
    (after, up_to): (i64, i64),
    limit: i64,
) -> Result<Vec<Recorded>, LogError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE position > $1 AND position <= $2 AND aggregate_type = $3 \
         ORDER BY position LIMIT $4"
    );
    let rows = sqlx::query(&sql)
        .bind(after)
        .bind(up_to)
        .bind(kind.as_str())
        .bind(limit)
        .fetch_all(conn)
        .await?;
    decode_all(&rows)
}

/// The position of the last event that is at least that old by the database's clock; 0 where there is none.
/// Times never go back along the log, so it is found by halving it: a few rows are read, however long it is.
pub async fn last_before(pool: &PgPool, age: Duration) -> Result<i64, LogError> {
    Ok(sqlx::query_scalar(
        "WITH RECURSIVE halves (low, high) AS (
             SELECT 0::bigint, position FROM log_head
             UNION ALL
             SELECT CASE WHEN is_old THEN middle ELSE low END,
                    CASE WHEN is_old THEN high ELSE middle - 1 END
             FROM (SELECT low, high, (low + high + 1) / 2 AS middle,
                          (SELECT recorded_at <= now() - make_interval(secs => $1) FROM events
                           WHERE position = (low + high + 1) / 2) AS is_old
                   FROM halves WHERE low < high) AS half)
         SELECT low FROM halves WHERE low = high",
    )
    .bind(age.as_secs_f64())
    .fetch_one(pool)
    .await?)
}
