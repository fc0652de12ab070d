//! The one statement that writes: events, rows and the head, all of them or nothing.

use domain::{Recorded, StreamId, UserId};
use log::Write;
use pool::PgConnection;
use rand::Rng;

use super::append::Append;

/// Moves the head, if the log still ends where `recorded` goes on; everything else hangs on whether
/// it did.
///
/// The statement's snapshot may be older than the head's row that it waited for, but then the
/// position is another one, and nothing is written.
const HEAD: &str = "UPDATE log_head SET position = $1 + $2, recorded_at = $3
    WHERE position = $1 AND recorded_at <= $3";

/// Holds if every stream that a decision stood on is at its version.
const WATCHED: &str = "NOT EXISTS (
    SELECT FROM unnest($13::text[], $14::text[], $15::bigint[]) AS watched (kind, id, version)
    WHERE version <> coalesce((SELECT sequence FROM events
                               WHERE aggregate_type = kind AND aggregate_id = id
                               ORDER BY sequence DESC LIMIT 1), 0))";

/// Of persons' keys: who has asked to be forgotten. Those who were erased before that was an event of its own have
/// the second alone.
pub(super) const ERASED: &str = "erasure_requested_at IS NOT NULL OR erased_at IS NOT NULL";

const LOG: &str = "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type,
    event_version, payload, metadata, position, event_id, recorded_at, salt)";

/// An event alone, as it comes while little is going on, costs half of what it does as a row of many.
const ONE: &str = "SELECT $4, $5, $6, $7, $8, $9::json, $10::json, $1 + 1, $11, $3, $12 FROM head";

const MANY: &str = "SELECT kind, id, sequence, type, version, payload::json, metadata::json,
           $1 + number, event_id, $3, salt
    FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::uuid[], $12::bytea[]) WITH ORDINALITY
         AS rows (kind, id, sequence, type, version, payload, metadata, event_id, salt, number)
    WHERE EXISTS (SELECT FROM head)";

/// Of what is always there, and with guards; those of the writes come after.
const PARAMETERS: (usize, usize) = (12, 16);

/// Where the rows of a [`Write`] are.
const ROWS: &str = "$1::json";

/// Writes; `false` where the log has gone on, or a guard does not hold.
pub(super) async fn write(
    conn: &mut PgConnection,
    winners: &[&Append],
    recorded: &[Recorded],
    writes: &[Write],
) -> Result<bool, sqlx::Error> {
    let Some(first) = recorded.first() else { return Ok(true) };
    let encoded: Vec<_> = winners
        .iter()
        .flat_map(|append| append.events.iter().map(|event| (event, append.metadata.1.as_str())))
        .collect();
    let watched: Vec<_> = winners.iter().flat_map(|append| append.stands_on()).collect();
    let people: Vec<_> =
        winners.iter().flat_map(|append| append.people()).map(UserId::uuid).collect();
    let guarded = !watched.is_empty() || !people.is_empty();
    let sql = statement(recorded.len() == 1, guarded, writes);
    let mut query = sqlx::query_scalar(&sql)
        .bind(first.position - 1)
        .bind(i64::try_from(recorded.len()).unwrap_or(i64::MAX))
        .bind(first.at);
    query = match encoded.as_slice() {
        [(event, metadata)] => query
            .bind(first.stream.kind.as_str())
            .bind(first.stream.id.to_string())
            .bind(first.sequence)
            .bind(event.event_type)
            .bind(event.event_version)
            .bind(event.payload.as_str())
            .bind(*metadata)
            .bind(first.event_id)
            .bind(salt()),
        encoded => {
            let (kinds, ids) = names(recorded.iter().map(|event| event.stream));
            query
                .bind(kinds)
                .bind(ids)
                .bind(recorded.iter().map(|event| event.sequence).collect::<Vec<_>>())
                .bind(encoded.iter().map(|(event, _)| event.event_type).collect::<Vec<_>>())
                .bind(encoded.iter().map(|(event, _)| event.event_version).collect::<Vec<_>>())
                .bind(encoded.iter().map(|(event, _)| event.payload.as_str()).collect::<Vec<_>>())
                .bind(encoded.iter().map(|(_, metadata)| *metadata).collect::<Vec<_>>())
                .bind(recorded.iter().map(|event| event.event_id).collect::<Vec<_>>())
                .bind(recorded.iter().map(|_| salt()).collect::<Vec<_>>())
        }
    };
    if guarded {
        let (kinds, ids) = names(watched.iter().map(|(stream, _)| *stream));
        let versions: Vec<_> = watched.iter().map(|(_, version)| *version).collect();
        query = query.bind(kinds).bind(ids).bind(versions).bind(people);
    }
    for write in writes {
        query = query.bind(write.rows.as_str());
    }
    query.fetch_one(conn).await
}

fn statement(one: bool, guarded: bool, writes: &[Write]) -> String {
    let (guards, parameters) = if guarded {
        (format!(" AND {WATCHED} AND {}", not_erased()), PARAMETERS.1)
    } else {
        (String::new(), PARAMETERS.0)
    };
    let events = if one { ONE } else { MANY };
    let mut sql =
        format!("WITH head AS ({HEAD}{guards} RETURNING position), logged AS ({LOG} {events})");
    for (index, write) in writes.iter().enumerate() {
        let rows = format!("(SELECT ${}::json FROM head)", parameters + 1 + index);
        let write = write.sql.replace(ROWS, &rows);
        sql = format!("{sql}, write{index} AS ({write})");
    }
    sql + " SELECT EXISTS (SELECT FROM head)"
}

/// Holds if nobody who gave a command has asked to be forgotten.
fn not_erased() -> String {
    format!("NOT EXISTS (SELECT FROM person_keys WHERE user_id = ANY($16::uuid[]) AND ({ERASED}))")
}

/// Kinds and ids, for `unnest`.
pub(super) fn names(streams: impl Iterator<Item = StreamId>) -> (Vec<&'static str>, Vec<String>) {
    streams.map(|stream| (stream.kind.as_str(), stream.id.to_string())).unzip()
}

/// Hides a payload behind its commitment in the audit log.
fn salt() -> Vec<u8> {
    let mut salt = vec![0; 32];
    rand::rng().fill_bytes(&mut salt);
    salt
}
