//! Reading the log from its beginning to its end.

use domain::{DecodeError, Recorded, StreamId, StreamType};
use pool::PgConnection;

use crate::LogError;
use crate::error::follows;
use crate::row::COLUMNS;

/// The statement for all streams of a kind (`$1`), one after another, up to a position (`$2`), inclusive.
pub fn by_stream() -> String {
    format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND position <= $2 \
         ORDER BY aggregate_id, sequence"
    )
}

/// Checks that nothing is missing up to a position, and that every stream is of a known kind.
pub async fn check_whole(conn: &mut PgConnection, up_to: i64) -> Result<(), LogError> {
    check_kinds(conn).await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE position <= $1")
        .bind(up_to)
        .fetch_one(&mut *conn)
        .await?;
    if count == up_to {
        return Ok(());
    }
    let next: Option<(i64, i64)> = sqlx::query_as(
        "SELECT before, position FROM \
         (SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS before FROM events) AS all_of_them \
         WHERE position > before + 1 ORDER BY position LIMIT 1",
    )
    .fetch_optional(conn)
    .await?;
    let (before, found) = next.map_or_else(
        || (count, "nothing".to_owned()),
        |(before, next)| (before, format!("position {next}")),
    );
    Err(LogError::Gap { expected: format!("position {}", before + 1), found })
}

async fn check_kinds(conn: &mut PgConnection) -> Result<(), LogError> {
    // One step in the index per kind.
    let kinds: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE kinds AS (SELECT min(aggregate_type) AS kind FROM events UNION ALL \
         SELECT (SELECT min(aggregate_type) FROM events WHERE aggregate_type > kind) FROM kinds WHERE kind IS NOT NULL) \
         SELECT kind FROM kinds WHERE kind IS NOT NULL",
    )
    .fetch_all(&mut *conn)
    .await?;
    for kind in kinds {
        let Err(unknown) = kind.parse::<StreamType>() else { continue };
        let first = "SELECT min(position) FROM events WHERE aggregate_type = $1";
        let position = sqlx::query_scalar(first).bind(&kind).fetch_one(&mut *conn).await?;
        return Err(LogError::Undecodable { position, source: DecodeError::StreamType(unknown) });
    }
    Ok(())
}

/// Checks that an event follows the last one of its stream, if that is where the last one belongs; the event's
/// stream and sequence.
pub fn follows_in_stream(
    last: Option<(StreamId, i64)>,
    next: &Recorded,
) -> Result<(StreamId, i64), LogError> {
    let before =
        last.filter(|(stream, _)| *stream == next.stream).map_or(0, |(_, sequence)| sequence);
    follows(next.sequence, before + 1, |sequence| format!("{} {sequence}", next.stream))?;
    Ok((next.stream, next.sequence))
}
