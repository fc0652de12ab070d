//! One transaction: lock the head, drop the losers, fold, write, commit.

use std::collections::{HashMap, HashSet};

use domain::{Recorded, Refusal, RefusalKind, StreamId, UserId};
use log::{AnyRow, Folded, InlineProjections};
use pool::{PgConnection, sqlstate};
use sqlx::Row as _;
use sqlx::error::DatabaseError;
use time::OffsetDateTime;
use tracing::Instrument;
use uuid::Uuid;

use super::StoreError;
use super::append::{Append, Appended, Guard};
use super::write::{self, ERASED};
use crate::context::Row;
use crate::data_error::{is_data_error, refused_value};
use crate::outage::is_outage;

/// How a command ended.
pub(super) type Verdict = Result<Appended, StoreError>;

/// `lock_not_available`: a lock was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The whole transaction failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Projection(Box<dyn std::error::Error + Send + Sync>),
    #[error("the log went on under its lock")]
    Overtaken,
    #[error("a command of the batch failed after it had written something")]
    HalfDone,
}

impl Failure {
    /// Whether a part of the batch may do better: the database answered, and did not like it.
    pub(super) fn may_succeed_if_split(&self) -> bool {
        match self {
            Self::Database(error) => error
                .as_database_error()
                .is_some_and(|database| lost_race(database) || !is_outage(error)),
            Self::Projection(error) => !is_outage(&**error),
            Self::Overtaken => false,
            Self::HalfDone => true,
        }
    }

    /// Whether a lock was waited for in vain: nothing was done, and the lock's holder can go on now.
    pub(super) fn gave_way(&self) -> bool {
        let code = match self {
            Self::Database(error) => sqlstate(error),
            Self::Projection(error) => sqlstate(&**error),
            Self::Overtaken | Self::HalfDone => None,
        };
        code.is_some_and(|code| code == LOCK_NOT_AVAILABLE)
    }

    /// Whether the database rolled it back for the sake of another: the same may succeed now.
    pub(super) fn is_rolled_back(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.as_database_error().is_some_and(is_rolled_back)
    }

    pub(super) fn for_one(&self) -> StoreError {
        match self {
            Self::Database(error) => match error.as_database_error() {
                Some(database) if is_behind(database) => StoreError::Conflict,
                Some(database) if is_data_error(database) => refused_value(database).into(),
                _ => StoreError::shared(error),
            },
            Self::Projection(error) if is_outage(&**error) => {
                StoreError::Unavailable(error.to_string())
            }
            Self::Projection(error) => StoreError::Projection(error.to_string()),
            Self::Overtaken | Self::HalfDone => StoreError::shared(self),
        }
    }
}

/// What is not the database's fault, nor the commands'.
pub(super) fn lost_race(error: &dyn DatabaseError) -> bool {
    is_rolled_back(error) || is_behind(error)
}

/// A serialization failure or a deadlock.
fn is_rolled_back(error: &dyn DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("40001" | "40P01"))
}

/// The stream has gone on since it was decided on: its own key; no other unique violation.
fn is_behind(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some("23505") && error.constraint() == Some("events_pkey")
}

/// A batch, carried out.
pub(super) struct Committed {
    pub(super) verdicts: Vec<Verdict>,
    /// Of those that came through, in the log's order.
    pub(super) recorded: Vec<Recorded>,
}

/// Where the log ends.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) position: i64,
    /// No event is earlier than the last one.
    pub(super) at: OffsetDateTime,
    /// What the database's clock shows.
    pub(super) now: OffsetDateTime,
}

/// A transaction that holds the head's lock.
pub(super) struct Transaction<'c> {
    tx: pool::Transaction<'c>,
    pub(super) head: Head,
}

impl<'c> Transaction<'c> {
    pub(super) async fn begin(conn: &'c mut PgConnection) -> Result<Self, sqlx::Error> {
        let mut tx = conn.begin().await?;
        let row = sqlx::query(
            "SELECT position, greatest(now, recorded_at) AS at, now
             FROM log_head, clock_timestamp() AS now FOR UPDATE OF log_head",
        )
        .fetch_one(&mut *tx)
        .await?;
        let (position, at) = (row.try_get("position")?, row.try_get("at")?);
        Ok(Self { tx, head: Head { position, at, now: row.try_get("now")? } })
    }

    /// Judges, writes and commits.
    pub(super) async fn commit(
        mut self,
        read_models: &dyn InlineProjections,
        appends: &[&Append],
    ) -> Result<Committed, Failure> {
        let tx = &mut self.tx;
        let mut verdicts = judge(tx, read_models, appends).await?;
        meet_conditions(tx, appends, &mut verdicts).await?;
        let winners: Vec<_> = winners(appends, &verdicts).collect();
        if winners.is_empty() {
            self.tx.rollback().await?;
            return Ok(Committed { verdicts, recorded: vec![] });
        }
        let recorded = record(&winners, self.head.position, self.head.at);
        let before = rows(&winners);
        let folding = read_models.fold(tx, &recorded, &before);
        let mut folded =
            folding.instrument(tracing::debug_span!("fold")).await.map_err(Failure::Projection)?;
        if !write::write(tx, &winners, &recorded, &folded.writes).await? {
            return Err(Failure::Overtaken);
        }
        for statement in winners.iter().flat_map(|append| &append.statements) {
            statement.run(tx).await?;
        }
        self.tx.commit().await?;
        show(appends, &mut verdicts, &mut folded);
        Ok(Committed { verdicts, recorded })
    }
}

/// Rows of streams as the decisions found them.
pub(super) fn rows(appends: &[&Append]) -> HashMap<StreamId, AnyRow> {
    let row = |append: &&Append| Some((append.stream, append.row.clone()?));
    appends.iter().filter_map(row).collect()
}

/// Hands each command what its stream looks like now.
pub(super) fn show(appends: &[&Append], verdicts: &mut [Verdict], folded: &mut Folded) {
    for (append, verdict) in appends.iter().zip(verdicts) {
        if let Ok(appended) = verdict {
            appended.done.row = folded.views.remove(&append.stream).map(Row);
            appended.row = folded.rows.remove(&append.stream);
        }
    }
}

/// Who is still at the version that was decided on, and whose guards hold.
async fn judge(
    conn: &mut PgConnection,
    read_models: &dyn InlineProjections,
    appends: &[&Append],
) -> Result<Vec<Verdict>, Failure> {
    let CurrentState { versions, erased } = find(conn, appends).await?;
    let at = |stream: &StreamId, version| versions.get(stream).copied().unwrap_or(0) == version;
    let mut verdicts = Vec::with_capacity(appends.len());
    for append in appends {
        let mut verdict = if append.expected == 0 || at(&append.stream, append.expected) {
            Ok(append.done())
        } else {
            Err(StoreError::Conflict)
        };
        for guard in &append.guards {
            match guard {
                Guard::StreamAt(stream, version) if !at(stream, *version) => {
                    verdict = Err(StoreError::Conflict);
                }
                Guard::NotErased(person) if erased.contains(&person.uuid()) => {
                    verdict = Err(StoreError::Erased);
                }
                Guard::StreamAt(..) | Guard::NotErased(_) => {}
                Guard::CategoryEmpty(category) => {
                    let empty = read_models.category_is_empty(conn, *category).await;
                    if !empty.map_err(Failure::Projection)? {
                        verdict = Err(category_not_empty());
                    }
                }
                Guard::AdminRemains(but) => {
                    let another = read_models.another_admin_is_active(conn, *but).await;
                    if !another.map_err(Failure::Projection)? {
                        verdict = Err(last_admin());
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

pub(super) fn last_admin() -> StoreError {
    StoreError::Refused(Refusal {
        kind: RefusalKind::Conflict,
        code: "last_admin",
        detail: "One active ADMIN has to remain: make another account an ADMIN first.".to_owned(),
    })
}

/// What guards are compared with.
#[derive(Default)]
struct CurrentState {
    versions: HashMap<StreamId, i64>,
    /// Those of the people who gave these commands that have asked to be forgotten.
    erased: HashSet<Uuid>,
}

/// Versions and people in one round trip: everybody waits for it.
async fn find(conn: &mut PgConnection, appends: &[&Append]) -> Result<CurrentState, sqlx::Error> {
    let written = appends.iter().filter(|append| append.expected > 0).map(|append| append.stream);
    let streams: HashSet<StreamId> =
        written.chain(appends.iter().flat_map(|append| append.watched())).collect();
    let people: HashSet<_> = appends.iter().flat_map(|append| append.people()).collect();
    if streams.is_empty() && people.is_empty() {
        return Ok(CurrentState::default());
    }
    let (kinds, ids) = write::names(streams.into_iter());
    let sql = format!(
        "SELECT kind AS aggregate_type, id AS aggregate_id,
                (SELECT sequence FROM events WHERE aggregate_type = kind AND aggregate_id = id
                 ORDER BY sequence DESC LIMIT 1) AS sequence, NULL AS erased
         FROM unnest($1::text[], $2::text[]) AS streams (kind, id)
         UNION ALL
         SELECT NULL, NULL, NULL, user_id FROM person_keys WHERE user_id = ANY($3) AND ({ERASED})"
    );
    let rows = sqlx::query(&sql)
        .bind(kinds)
        .bind(ids)
        .bind(people.into_iter().map(UserId::uuid).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
    let mut found = CurrentState::default();
    for row in &rows {
        if let Some(person) = row.try_get("erased")? {
            found.erased.insert(person);
        } else {
            let sequence: Option<i64> = row.try_get("sequence")?;
            found.versions.insert(log::stream_of(row)?, sequence.unwrap_or(0));
        }
    }
    Ok(found)
}

/// Runs what has to be met before the events are written; a command whose condition is not met fails alone. What
/// it has done by then must not be committed with the others.
async fn meet_conditions(
    conn: &mut PgConnection,
    appends: &[&Append],
    verdicts: &mut [Verdict],
) -> Result<(), Failure> {
    let mut is_half_done = false;
    for (append, verdict) in appends.iter().zip(&mut *verdicts).filter(|(_, v)| v.is_ok()) {
        for (index, condition) in append.conditions.iter().enumerate() {
            if condition.statement.run(conn).await? != 1 {
                *verdict = Err(condition.unmet.clone().into());
                is_half_done |= index > 0;
                break;
            }
        }
    }
    if is_half_done && verdicts.iter().any(Result::is_ok) {
        return Err(Failure::HalfDone);
    }
    Ok(())
}

fn winners<'a>(
    appends: &'a [&'a Append],
    verdicts: &'a [Verdict],
) -> impl Iterator<Item = &'a Append> {
    appends.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(append, _)| *append)
}

pub(super) fn record(winners: &[&Append], head: i64, at: OffsetDateTime) -> Vec<Recorded> {
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
