//! One transaction: lock the head, drop the losers, insert, fold, commit.

use std::collections::HashSet;

use domain::{Recorded, Refusal, RefusalKind, StreamId};
use rand::Rng;
use sqlx::{PgConnection, PgPool, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::append::{Append, Claim, Effect, Guard};
use super::appender::Versions;
use super::{ReadModels, StoreError};

/// The stream's new version, or why there is none.
pub(super) type Verdict = Result<i64, StoreError>;

/// The whole transaction failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Projection(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    /// Whether a part of the batch may do better: the database answered, and did not like it.
    pub(super) fn is_of_the_batch(&self) -> bool {
        match self {
            Self::Database(error) => error.as_database_error().is_some(),
            Self::Projection(_) => true,
        }
    }

    pub(super) fn for_one(&self) -> StoreError {
        match self {
            Self::Database(error) => match error.as_database_error() {
                Some(database) if lost_race(database) => StoreError::Conflict,
                _ => StoreError::Database(sqlx::Error::Protocol(error.to_string())),
            },
            Self::Projection(error) => StoreError::Projection(error.to_string()),
        }
    }
}

/// The stream's own key, a serialization failure or a deadlock; no other unique violation.
fn lost_race(error: &dyn sqlx::error::DatabaseError) -> bool {
    match error.code().as_deref() {
        Some("40001" | "40P01") => true,
        Some("23505") => error.constraint() == Some("events_pkey"),
        _ => false,
    }
}

pub(super) async fn commit(
    pool: &PgPool,
    read_models: &dyn ReadModels,
    appends: &[&Append],
) -> Result<(Vec<Verdict>, Vec<Recorded>), Failure> {
    let mut tx = pool.begin().await?;
    let (head, at) = lock_head(&mut tx).await?;
    let mut verdicts = judge(&mut tx, read_models, appends).await?;
    claim(&mut tx, appends, &mut verdicts).await?;
    let winners: Vec<_> = winners(appends, &verdicts).collect();
    if winners.is_empty() {
        tx.rollback().await?;
        return Ok((verdicts, vec![]));
    }
    let recorded = record(&winners, head, at);
    insert(&mut tx, &winners, &recorded).await?;
    release(&mut tx, &winners).await?;
    for append in &winners {
        effects(&mut tx, append).await?;
    }
    read_models.apply(&mut tx, &recorded).await.map_err(Failure::Projection)?;
    tx.commit().await?;
    Ok((verdicts, recorded))
}

async fn lock_head(conn: &mut PgConnection) -> Result<(i64, OffsetDateTime), sqlx::Error> {
    let row = sqlx::query(
        "SELECT position, greatest(clock_timestamp(), recorded_at) AS at FROM log_head FOR UPDATE",
    )
    .fetch_one(conn)
    .await?;
    Ok((row.try_get("position")?, row.try_get("at")?))
}

/// Who is still at the version that was decided on, and whose guards hold.
async fn judge(
    conn: &mut PgConnection,
    read_models: &dyn ReadModels,
    appends: &[&Append],
) -> Result<Vec<Verdict>, Failure> {
    let versions = versions(conn, appends).await?;
    let at = |stream: &StreamId, version| versions.get(stream).copied().unwrap_or(0) == version;
    let mut verdicts = Vec::with_capacity(appends.len());
    for append in appends {
        let mut verdict = if append.expected == 0 || at(&append.stream, append.expected) {
            Ok(append.expected + i64::try_from(append.events.len()).unwrap_or(i64::MAX))
        } else {
            Err(StoreError::Conflict)
        };
        for guard in &append.side.guards {
            match guard {
                Guard::StreamAt(stream, version) if !at(stream, *version) => {
                    verdict = Err(StoreError::Conflict);
                }
                Guard::StreamAt(..) => {}
                Guard::CategoryEmpty(category) => {
                    let empty = read_models.category_is_empty(conn, *category).await;
                    if !empty.map_err(Failure::Projection)? {
                        verdict = Err(category_not_empty());
                    }
                }
            }
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

fn category_not_empty() -> StoreError {
    StoreError::Refused(Refusal {
        kind: RefusalKind::Conflict,
        code: "category_not_empty",
        detail: "This category still has products: move or delete them first.".to_owned(),
    })
}

async fn versions(conn: &mut PgConnection, appends: &[&Append]) -> Result<Versions, sqlx::Error> {
    let written = appends.iter().filter(|append| append.expected > 0).map(|append| append.stream);
    let streams: HashSet<StreamId> =
        written.chain(appends.iter().flat_map(|append| append.watched())).collect();
    if streams.is_empty() {
        return Ok(Versions::new());
    }
    let (kinds, ids): (Vec<_>, Vec<_>) =
        streams.iter().map(|stream| (stream.kind.as_str(), stream.id.to_string())).unzip();
    let rows = sqlx::query(
        "SELECT kind, id, (SELECT sequence FROM events
                           WHERE aggregate_type = kind AND aggregate_id = id
                           ORDER BY sequence DESC LIMIT 1) AS sequence
         FROM unnest($1::text[], $2::text[]) AS streams (kind, id)",
    )
    .bind(kinds)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    rows.iter().map(version).collect()
}

fn version(row: &sqlx::postgres::PgRow) -> Result<(StreamId, i64), sqlx::Error> {
    let decode = |error: String| sqlx::Error::Decode(error.into());
    let kind = row.try_get::<&str, _>("kind")?.parse().map_err(decode)?;
    let id = Uuid::parse_str(row.try_get("id")?).map_err(|error| decode(error.to_string()))?;
    let sequence: Option<i64> = row.try_get("sequence")?;
    Ok((StreamId { kind, id }, sequence.unwrap_or(0)))
}

/// Claims names; whoever comes second fails alone.
async fn claim(
    conn: &mut PgConnection,
    appends: &[&Append],
    verdicts: &mut [Verdict],
) -> Result<(), sqlx::Error> {
    let mut claimed: HashSet<&Claim> = HashSet::new();
    for (append, verdict) in appends.iter().zip(verdicts) {
        let Some(claim) = append.side.claim.as_ref().filter(|_| verdict.is_ok()) else { continue };
        let taken = StoreError::Taken(claim.reservation);
        if !claimed.insert(claim) {
            *verdict = Err(taken);
            continue;
        }
        // The no-op update makes the present owner come back; nobody else can be inserting, as
        // the head is locked.
        let owner: Uuid = sqlx::query_scalar(
            "INSERT INTO reservations (kind, name, owner) VALUES ($1, $2, $3)
             ON CONFLICT (kind, name) DO UPDATE SET owner = reservations.owner
             RETURNING owner",
        )
        .bind(claim.kind())
        .bind(&claim.name)
        .bind(append.stream.id)
        .fetch_one(&mut *conn)
        .await?;
        if owner != append.stream.id {
            *verdict = Err(taken);
        }
    }
    Ok(())
}

fn winners<'a>(
    appends: &'a [&'a Append],
    verdicts: &'a [Verdict],
) -> impl Iterator<Item = &'a Append> {
    appends.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(append, _)| *append)
}

fn record(winners: &[&Append], head: i64, at: OffsetDateTime) -> Vec<Recorded> {
    let events = winners.iter().flat_map(|append| {
        append.events.iter().zip(append.expected + 1..).map(move |event| (append, event))
    });
    events
        .zip(head + 1..)
        .map(|((append, (encoded, sequence)), position)| Recorded {
            position,
            stream: append.stream,
            sequence,
            event_id: Uuid::now_v7(),
            at,
            metadata: append.metadata.0.clone(),
            event: encoded.event.clone(),
        })
        .collect()
}

async fn insert(
    conn: &mut PgConnection,
    winners: &[&Append],
    recorded: &[Recorded],
) -> Result<(), sqlx::Error> {
    let encoded: Vec<_> = winners
        .iter()
        .flat_map(|append| append.events.iter().map(|event| (event, append.metadata.1.as_str())))
        .collect();
    let column = |read: fn(&Recorded) -> i64| recorded.iter().map(read).collect::<Vec<_>>();
    let at = recorded.first().map(|first| first.at);
    sqlx::query(
        "WITH head AS (UPDATE log_head SET position = position + $11, recorded_at = $10)
         INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                             payload, metadata, position, event_id, recorded_at, salt)
         SELECT kind, id, sequence, type, version, payload::json, metadata::json, position,
                event_id, $10, salt
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::bigint[], $9::uuid[], $12::bytea[])
              AS rows (kind, id, sequence, type, version, payload, metadata, position, event_id, salt)",
    )
    .bind(recorded.iter().map(|event| event.stream.kind.as_str()).collect::<Vec<_>>())
    .bind(recorded.iter().map(|event| event.stream.id.to_string()).collect::<Vec<_>>())
    .bind(column(|event| event.sequence))
    .bind(encoded.iter().map(|(event, _)| event.event_type).collect::<Vec<_>>())
    .bind(encoded.iter().map(|(event, _)| event.event_version).collect::<Vec<_>>())
    .bind(encoded.iter().map(|(event, _)| event.payload.as_str()).collect::<Vec<_>>())
    .bind(encoded.iter().map(|(_, metadata)| *metadata).collect::<Vec<_>>())
    .bind(column(|event| event.position))
    .bind(recorded.iter().map(|event| event.event_id).collect::<Vec<_>>())
    .bind(at)
    .bind(i64::try_from(recorded.len()).unwrap_or(i64::MAX))
    .bind(recorded.iter().map(|_| salt()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Hides a payload behind its commitment in the audit log.
fn salt() -> Vec<u8> {
    let mut salt = vec![0; 32];
    rand::rng().fill_bytes(&mut salt);
    salt
}

async fn release(conn: &mut PgConnection, winners: &[&Append]) -> Result<(), sqlx::Error> {
    for append in winners {
        let Some(claim) = &append.side.release else { continue };
        sqlx::query("DELETE FROM reservations WHERE kind = $1 AND name = $2 AND owner = $3")
            .bind(claim.kind())
            .bind(&claim.name)
            .bind(append.stream.id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn effects(conn: &mut PgConnection, append: &Append) -> Result<(), sqlx::Error> {
    for effect in &append.side.effects {
        match effect {
            Effect::SetCredential(user, hash) => sqlx::query(
                "INSERT INTO credentials (user_id, hash) VALUES ($1, $2)
                 ON CONFLICT (user_id) DO UPDATE SET hash = $2, changed_at = now()",
            )
            .bind(user.uuid())
            .bind(hash),
            Effect::EndSession(session) => sqlx::query(
                "UPDATE sessions SET ended_at = now() WHERE id = $1 AND ended_at IS NULL",
            )
            .bind(session.uuid()),
            Effect::EndSessions(user, but) => sqlx::query(
                "UPDATE sessions SET ended_at = now()
                 WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2",
            )
            .bind(user.uuid())
            .bind(but.map(domain::SessionId::uuid)),
            Effect::DestroyKeys(user) => sqlx::query(
                "WITH password AS (DELETE FROM credentials WHERE user_id = $1)
                 UPDATE person_keys SET wrapped = NULL, erased_at = now() WHERE user_id = $1",
            )
            .bind(user.uuid()),
        }
        .execute(&mut *conn)
        .await?;
    }
    if let Some((claim, outcome)) = &append.side.idempotency {
        sqlx::query("UPDATE idempotency_keys SET outcome = $3 WHERE scope = $1 AND key = $2")
            .bind(claim.scope)
            .bind(&claim.key)
            .bind(outcome)
            .execute(conn)
            .await?;
    }
    Ok(())
}
