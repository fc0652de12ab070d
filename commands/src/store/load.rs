//! From the log to an aggregate, and back.

use std::any::Any;
use std::sync::Arc;

use domain::{Aggregate, Event, HoldsPersonal, Metadata, Recorded, StreamId, upcast};
use identity::ending;
use log::{AnyRow, LogError};
use sqlx::postgres::PgRow;

use super::append::{Append, Appended, Encoded, Side};
use super::reached::Reached;
use super::snapshots::EVERY;
use super::{Store, StoreError};
use crate::Done;

/// An aggregate as it was loaded, and what is to go with its events.
pub(crate) struct Loaded<A: Aggregate> {
    pub id: A::Id,
    pub aggregate: A,
    /// Its version when it was loaded.
    pub version: i64,
    /// Whether it may be behind: another process may have written since.
    pub cached: bool,
    /// Its row at that version, where the stream alone makes it.
    row: Option<AnyRow>,
    /// Bytes of its events' payloads.
    payloads: usize,
    /// The version that its newest snapshot is of; 0 where it has none.
    snapshot: i64,
    /// What goes with the events.
    pub side: Side,
    /// What is recorded with them.
    pub metadata: Option<Metadata>,
}

impl<A: Aggregate> Loaded<A> {
    /// What has no stream yet.
    pub(crate) fn fresh(id: A::Id) -> Self {
        Self::new(id, Reached::default())
    }

    fn new(id: A::Id, reached: Reached<A>) -> Self {
        let Reached { aggregate, row, payloads, snapshot } = reached;
        let (version, side) = (aggregate.version(), Side::default());
        Self {
            id,
            aggregate,
            version,
            cached: false,
            row,
            payloads,
            snapshot,
            side,
            metadata: None,
        }
    }
}

/// An aggregate as this process last saw it.
#[derive(Clone)]
pub(super) struct Known {
    aggregate: Arc<dyn Any + Send + Sync>,
    /// Its row at the same version, where the stream alone makes it.
    row: Option<AnyRow>,
    /// Bytes of its events' payloads.
    payloads: usize,
    /// The version that its newest snapshot is of.
    snapshot: i64,
}

impl Known {
    /// About as many bytes as it takes in memory: aggregate and row have what the events say, a
    /// copy each.
    pub(super) fn bytes(&self) -> u32 {
        u32::try_from(1_024 + 2 * self.payloads).unwrap_or(u32::MAX)
    }

    fn loaded<A: Aggregate>(self, id: A::Id) -> Option<Loaded<A>> {
        let aggregate = self.aggregate.downcast_ref::<A>()?.clone();
        let Self { row, payloads, snapshot, .. } = self;
        let reached = Reached { aggregate, row, payloads, snapshot };
        Some(Loaded { cached: true, ..Loaded::new(id, reached) })
    }
}

fn stream<A: Aggregate>(id: A::Id) -> StreamId {
    StreamId { kind: A::STREAM, id: id.into() }
}

impl Store {
    /// The aggregate as this process last saw it, or as the log has it.
    pub(crate) async fn load<A: Aggregate>(&self, id: A::Id) -> Result<Loaded<A>, StoreError> {
        match self.states.get(&stream::<A>(id)).and_then(|known| known.loaded(id)) {
            Some(loaded) => Ok(loaded),
            None => self.load_afresh(id).await,
        }
    }

    /// The aggregate as the log has it.
    #[tracing::instrument(level = "debug", name = "load", skip_all)]
    pub(crate) async fn load_afresh<A: Aggregate>(
        &self,
        id: A::Id,
    ) -> Result<Loaded<A>, StoreError> {
        let stream = stream::<A>(id);
        let reached = self.read::<A>(stream, true).await?;
        let Reached { aggregate, row, payloads, snapshot } = &reached;
        if aggregate.version() > 0 {
            let (aggregate, row) = (Arc::new(aggregate.clone()), row.clone());
            let (payloads, snapshot) = (*payloads, *snapshot);
            self.states.insert(stream, Known { aggregate, row, payloads, snapshot });
        }
        Ok(Loaded::new(id, reached))
    }

    /// The aggregate as the log has it, without what it says about people: that stays sealed.
    pub(crate) async fn load_sealed<A: Aggregate>(&self, id: A::Id) -> Result<A, StoreError> {
        Ok(self.read::<A>(stream::<A>(id), false).await?.aggregate)
    }

    /// A stream from its newest snapshot on, or from its beginning; `opened` with what it says about people.
    async fn read<A: Aggregate>(
        &self,
        stream: StreamId,
        opened: bool,
    ) -> Result<Reached<A>, StoreError> {
        let found = self.streams.read(stream, self.format::<A>()).await?;
        let begins = match &found.snapshot {
            Some(snapshot) => self.restored(stream, snapshot, opened).await,
            None => Ok(Reached::default()),
        };
        match begins {
            Ok(begins) => self.follow(stream, begins, &found.rows, opened).await,
            Err(error) => {
                tracing::warn!(%stream, %error, "a snapshot cannot be used: the whole stream is read");
                let found = self.streams.read_whole(stream).await?;
                self.follow(stream, Reached::default(), &found.rows, opened).await
            }
        }
    }

    /// Folds what comes after. Opened, it makes the snapshots that are due on the way.
    async fn follow<A: Aggregate>(
        &self,
        stream: StreamId,
        mut reached: Reached<A>,
        rows: &[PgRow],
        opened: bool,
    ) -> Result<Reached<A>, StoreError> {
        let mut recorded = log::decode_all(rows)?;
        recorded.sort_by_key(|recorded| recorded.sequence);
        reached.payloads += rows.iter().map(log::payload_bytes).sum::<Result<usize, _>>()?;
        if !opened {
            reached.aggregate = folded(reached.aggregate, recorded, stream)?;
            return Ok(reached);
        }
        self.vault.open(&mut recorded).await?;
        let (mut newest, mut taken) = (reached.snapshot, vec![]);
        for part in parts(recorded) {
            reached.row = self.read_models.row(reached.row.as_ref(), &part);
            reached.aggregate = folded(reached.aggregate, part, stream)?;
            let row = reached.row.as_ref();
            if let Some(due) = self.take_due(stream, newest, &reached.aggregate, row).await {
                newest = due.sequence;
                taken.push(due);
            }
        }
        reached.snapshot = self.keep::<A>(stream, reached.snapshot, &taken).await;
        Ok(reached)
    }

    /// Appends what a loaded aggregate emitted. The aggregate already is in its new state.
    pub(crate) async fn commit_loaded<A: Aggregate>(
        &self,
        events: Vec<A::Event>,
        loaded: Loaded<A>,
    ) -> Result<Done, StoreError> {
        let stream = stream::<A>(loaded.id);
        let metadata = loaded.metadata.ok_or(StoreError::Stopped)?;
        let encoded = serde_json::to_string(&metadata).map_err(unwritable)?;
        let mut payloads = loaded.payloads;
        let Side { guards, conditions, statements: more, .. } = loaded.side.with_names(stream.id);
        // What ends access locks the account's row, and everybody locks that before the rest.
        let mut statements = vec![];
        let mut encoded_events = Vec::with_capacity(events.len());
        for (event, sequence) in events.into_iter().zip(loaded.version + 1..) {
            let encoded = self.encode(event, stream, sequence).await?;
            payloads += encoded.payload.len();
            statements.extend(ending::with(&encoded.event, stream, sequence, &metadata));
            encoded_events.push(encoded);
        }
        statements.extend(more);
        let append = Append {
            stream,
            expected: loaded.version,
            events: encoded_events,
            row: loaded.row,
            metadata: (metadata, encoded),
            guards,
            conditions,
            statements,
        };
        let appended = self.append(append).await;
        let Appended { done, row } = appended.inspect_err(|_| self.states.invalidate(&stream))?;
        let (newest, aggregate) = (loaded.snapshot, loaded.aggregate);
        let taken = self.take_due(stream, newest, &aggregate, row.as_ref()).await;
        let snapshot = self.keep::<A>(stream, newest, taken.as_slice()).await;
        let aggregate = Arc::new(aggregate);
        self.states.insert(stream, Known { aggregate, row, payloads, snapshot });
        Ok(done)
    }

    /// What is stored has personal data sealed; what is folded has it readable.
    async fn encode<E: Clone + Into<Event> + HoldsPersonal + cqrs_es::DomainEvent>(
        &self,
        event: E,
        stream: StreamId,
        sequence: i64,
    ) -> Result<Encoded, StoreError> {
        let readable: Event = event.clone().into();
        let event_type = readable.name();
        let event_version = upcast::current_version(event_type);
        let sealed = self.vault.seal(event, stream, sequence, event_version).await?;
        let payload = serde_json::to_string(&sealed).map_err(unwritable)?;
        Ok(Encoded { event_version, event_type, payload, event: readable })
    }
}

fn folded<A: Aggregate>(
    before: A,
    recorded: Vec<Recorded>,
    stream: StreamId,
) -> Result<A, StoreError> {
    let events = recorded.into_iter().map(|recorded| recorded.event);
    domain::replay(before, events).ok_or_else(|| LogError::OtherKind(stream).into())
}

/// Events of one stream in parts that end where snapshots may be.
fn parts(recorded: Vec<Recorded>) -> Vec<Vec<Recorded>> {
    let (mut parts, mut part) = (vec![], vec![]);
    for recorded in recorded {
        let ends = recorded.sequence % EVERY == 0;
        part.push(recorded);
        if ends {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(Box::new(error)))
}
