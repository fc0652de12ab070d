//! Snapshots: the state of a long stream every hundred events, so that loading it reads a hundred events at
//! most and not all of them.
//!
//! Each is a copy of what the log says, and disposable: one that is missing, unreadable or of another format
//! is passed over, and the log is read instead, which makes it again. Who appends makes them, once a stream has
//! grown by that much, and who has had to read more than that.

use domain::{Aggregate, StreamId, UserId, snapshot_format};
use log::{AnyRow, BoxedError};
use serde::Deserialize;
use serde_json::json;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::reached::Reached;
use super::{Store, StoreError};

/// Events from one snapshot to the next.
pub(super) const EVERY: i64 = 100;

/// A stored snapshot.
pub(super) struct Snapshot {
    /// The version that it is of.
    pub(super) sequence: i64,
    /// The aggregate as JSON, without what it says about people.
    state: String,
    /// The read model's row as JSON, where it says nothing about people.
    row: Option<String>,
    /// [`Whole`], under the key of the person whom it is about.
    sealed: Option<Vec<u8>>,
}

/// Aggregate and row, with what they say about people.
#[derive(Deserialize)]
struct Whole<A> {
    state: A,
    row: Option<String>,
}

/// Why a snapshot is passed over.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it is of version {0}, and its state of another one")]
    OtherVersion(i64),
    #[error("its row cannot be read")]
    Row,
}

impl Snapshot {
    /// The snapshot that a row of a stream has; `None` where it has an event.
    pub(super) fn decode(row: &PgRow) -> Result<Option<Self>, sqlx::Error> {
        let Some(state) = row.try_get("state")? else { return Ok(None) };
        let (sequence, sealed) = (row.try_get("sequence")?, row.try_get("sealed")?);
        Ok(Some(Self { sequence, state, row: row.try_get("read_model")?, sealed }))
    }

    /// About as many bytes as the events have that it stands for.
    fn bytes(&self) -> usize {
        let row = self.row.as_ref().map_or(0, String::len);
        self.state.len() + row + self.sealed.as_ref().map_or(0, Vec::len)
    }
}

/// Whether a stream whose newest snapshot is of one version is to have another at this one.
const fn is_due(newest: i64, version: i64) -> bool {
    version / EVERY > newest / EVERY
}

/// What a sealed snapshot is bound to.
fn purpose(stream: StreamId, sequence: i64) -> String {
    format!("snapshot {stream} {sequence}")
}

impl Store {
    /// Of this aggregate's snapshots.
    pub(super) fn format<A: Aggregate>(&self) -> i32 {
        snapshot_format(A::FORMAT, self.read_models.row_version(A::STREAM))
    }

    /// A snapshot of an aggregate, if one is due where the newest is of that version.
    pub(super) async fn take_due<A: Aggregate>(
        &self,
        stream: StreamId,
        newest: i64,
        aggregate: &A,
        row: Option<&AnyRow>,
    ) -> Option<Snapshot> {
        let version = aggregate.version();
        if !is_due(newest, version) {
            return None;
        }
        let taken = self.take(stream, aggregate, row).await;
        taken.inspect_err(|error| not_kept(stream, version, error)).ok()?
    }

    /// Keeps snapshots of a stream whose newest one was of that version. Answers of which version it is then.
    pub(super) async fn keep<A: Aggregate>(
        &self,
        stream: StreamId,
        newest: i64,
        taken: &[Snapshot],
    ) -> i64 {
        let Some(last) = taken.last().map(|last| last.sequence) else { return newest };
        match self.store(stream, self.format::<A>(), taken).await {
            Ok(()) => last,
            Err(error) => {
                not_kept(stream, last, &error.into());
                newest
            }
        }
    }

    /// What a snapshot of this state has to hold; `None` of a person who was erased meanwhile.
    async fn take<A: Aggregate>(
        &self,
        stream: StreamId,
        aggregate: &A,
        row: Option<&AnyRow>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let sequence = aggregate.version();
        let row = row.and_then(|row| self.read_models.write_row(A::STREAM, row));
        let mut bare = aggregate.clone();
        let Some(about) = withheld(&mut bare) else {
            return Ok(Some(Snapshot { sequence, state: written(aggregate)?, row, sealed: None }));
        };
        let whole = written(&json!({ "state": aggregate, "row": row }))?;
        let purpose = purpose(stream, sequence);
        let sealed = self.vault.seal_bytes(about, &purpose, whole.as_bytes()).await?;
        let Some(sealed) = sealed else { return Ok(None) };
        Ok(Some(Snapshot { sequence, state: written(&bare)?, row: None, sealed: Some(sealed) }))
    }

    /// One that is there already gives way: it may have been damaged.
    async fn store(
        &self,
        stream: StreamId,
        format: i32,
        taken: &[Snapshot],
    ) -> Result<(), sqlx::Error> {
        let mut connection = self.streams.connection().await?;
        sqlx::query(
            "INSERT INTO snapshots (aggregate_type, aggregate_id, format, sequence, position, recorded_at, state,
                 read_model, sealed)
             SELECT $1, $2, $3, taken.sequence, position, recorded_at, state::json, read_model::json, sealed
             FROM unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[])
                 AS taken (sequence, state, read_model, sealed)
             JOIN events ON aggregate_type = $1 AND aggregate_id = $2 AND events.sequence = taken.sequence
             ON CONFLICT (aggregate_type, aggregate_id, format, sequence) DO UPDATE
             SET state = EXCLUDED.state, read_model = EXCLUDED.read_model, sealed = EXCLUDED.sealed",
        )
        .bind(stream.kind.as_str())
        .bind(stream.id.to_string())
        .bind(format)
        .bind(taken.iter().map(|snapshot| snapshot.sequence).collect::<Vec<_>>())
        .bind(taken.iter().map(|snapshot| snapshot.state.as_str()).collect::<Vec<_>>())
        .bind(taken.iter().map(|snapshot| snapshot.row.as_deref()).collect::<Vec<_>>())
        .bind(taken.iter().map(|snapshot| snapshot.sealed.as_deref()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
        self.streams.keep(connection);
        Ok(())
    }

    /// Where a stream goes on from a snapshot; `opened` with what it says about people.
    pub(super) async fn restored<A: Aggregate>(
        &self,
        stream: StreamId,
        snapshot: &Snapshot,
        opened: bool,
    ) -> Result<Reached<A>, BoxedError> {
        let whole = if opened { self.opened(stream, snapshot).await? } else { None };
        let Whole { state, row } = match whole {
            Some(whole) => whole,
            None => Whole::<A> {
                state: serde_json::from_str(&snapshot.state)?,
                row: snapshot.row.clone(),
            },
        };
        if state.version() != snapshot.sequence {
            return Err(Unusable::OtherVersion(snapshot.sequence).into());
        }
        let read = |row: String| self.read_models.read_row(A::STREAM, &row).ok_or(Unusable::Row);
        let row = row.map(read).transpose()?;
        let (payloads, sequence) = (snapshot.bytes(), snapshot.sequence);
        Ok(Reached { aggregate: state, row, payloads, snapshot: sequence })
    }

    /// What is sealed of it; `None` where nothing is, or the person was erased.
    async fn opened<A: Aggregate>(
        &self,
        stream: StreamId,
        snapshot: &Snapshot,
    ) -> Result<Option<Whole<A>>, BoxedError> {
        let Some(sealed) = &snapshot.sealed else { return Ok(None) };
        let mut bare: A = serde_json::from_str(&snapshot.state)?;
        let Some(about) = withheld(&mut bare) else { return Ok(None) };
        let purpose = purpose(stream, snapshot.sequence);
        let whole = self.vault.open_bytes(about, &purpose, sealed).await?;
        Ok(whole.map(|whole| serde_json::from_slice(&whole)).transpose()?)
    }
}

fn not_kept(stream: StreamId, version: i64, error: &StoreError) {
    tracing::warn!(%stream, version, %error, "a snapshot was not kept");
}

/// Takes the texts about people away, and answers whom they are about: an aggregate has those of one
/// person.
fn withheld<A: Aggregate>(aggregate: &mut A) -> Option<UserId> {
    let mut about = None;
    for (_, personal) in aggregate.personal() {
        (personal.text, personal.sealed) = (None, None);
        about = Some(personal.about);
    }
    about
}

fn written(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Database(sqlx::Error::Encode(Box::new(error))))
}
