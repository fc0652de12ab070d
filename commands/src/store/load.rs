//! From the log to an aggregate, and back through cqrs-es's own trait.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::PersistedEventRepository;
use cqrs_es::{AggregateContext, AggregateError, EventEnvelope, EventStore};
use domain::{Aggregate, Event, HoldsPersonal, Metadata, Recorded, StreamId, upcast};
use postgres_es::PostgresEventRepository;

use super::append::{Append, Appended, Encoded, Side};
use super::{AnyRow, Store, StoreError, log};
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
    /// What goes with the events.
    pub side: Side,
    /// What is recorded with them.
    pub metadata: Option<Metadata>,
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

impl<A: Aggregate> Loaded<A> {
    /// What has no stream yet.
    pub(crate) fn fresh(id: A::Id) -> Self {
        Self::new(id, A::default(), None, 0)
    }

    fn new(id: A::Id, aggregate: A, row: Option<AnyRow>, payloads: usize) -> Self {
        let (version, side) = (aggregate.version(), Side::default());
        Self { id, aggregate, version, cached: false, row, payloads, side, metadata: None }
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
}

impl Known {
    /// About as many bytes as it takes in memory: aggregate and row have what the events say, a
    /// copy each.
    pub(super) fn bytes(&self) -> u32 {
        u32::try_from(1_024 + 2 * self.payloads).unwrap_or(u32::MAX)
    }

    fn loaded<A: Aggregate>(self, id: A::Id) -> Option<Loaded<A>> {
        let aggregate = self.aggregate.downcast_ref::<A>()?.clone();
        Some(Loaded { cached: true, ..Loaded::new(id, aggregate, self.row, self.payloads) })
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
    pub(crate) async fn load_afresh<A: Aggregate>(
        &self,
        id: A::Id,
    ) -> Result<Loaded<A>, StoreError> {
        let stream = stream::<A>(id);
        let rows = self.streams.read(stream).await?;
        let mut recorded = rows.iter().map(log::decode).collect::<Result<Vec<_>, _>>()?;
        let payloads = rows.iter().map(log::payload).sum::<Result<_, _>>()?;
        self.vault.open(&mut recorded).await?;
        let row = self.read_models.row(&recorded);
        let aggregate: A = folded(recorded, stream)?;
        if aggregate.version() > 0 {
            let (aggregate, row) = (Arc::new(aggregate.clone()), row.clone());
            self.states.insert(stream, Known { aggregate, row, payloads });
        }
        Ok(Loaded::new(id, aggregate, row, payloads))
    }

    /// The aggregate as the log has it, without what it says about people: that stays sealed.
    pub(crate) async fn load_sealed<A: Aggregate>(&self, id: A::Id) -> Result<A, StoreError> {
        let stream = stream::<A>(id);
        let rows = self.streams.read(stream).await?;
        folded(rows.iter().map(log::decode).collect::<Result<_, _>>()?, stream)
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
        let mut encoded_events = Vec::with_capacity(events.len());
        for (event, sequence) in events.into_iter().zip(loaded.version + 1..) {
            let encoded = self.encode(event, stream, sequence).await?;
            payloads += encoded.payload.len();
            encoded_events.push(encoded);
        }
        let append = Append {
            stream,
            expected: loaded.version,
            events: encoded_events,
            row: loaded.row,
            metadata: (metadata, encoded),
            side: loaded.side,
        };
        let appended = self.append(append).await;
        let Appended { done, row } = appended.inspect_err(|_| self.states.invalidate(&stream))?;
        self.states.insert(stream, Known { aggregate: Arc::new(loaded.aggregate), row, payloads });
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

fn folded<A: Aggregate>(recorded: Vec<Recorded>, stream: StreamId) -> Result<A, StoreError> {
    let mut aggregate = A::default();
    for recorded in recorded {
        aggregate.apply(recorded.event.try_into().map_err(|_| log::of_another_kind(stream))?);
    }
    Ok(aggregate)
}

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(Box::new(error)))
}

/// cqrs-es's own way in, for whatever is built on it: loads, and appends with nothing beside.
impl<A: Aggregate> EventStore<A> for Store {
    type AC = Loaded<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let repository = PostgresEventRepository::new(self.pool.clone());
        let stored = repository.get_events::<A>(aggregate_id).await?;
        stored.into_iter().map(|event| EventEnvelope::try_from(event).map_err(Into::into)).collect()
    }

    async fn load_aggregate(
        &self,
        aggregate_id: &str,
    ) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let id = uuid::Uuid::parse_str(aggregate_id).map_err(unexpected)?;
        self.load(id.into()).await.map_err(unexpected)
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let (id, first) = (context.id.to_string(), context.version + 1);
        self.commit_loaded(events.clone(), context).await.map_err(|error| match error {
            StoreError::Conflict => AggregateError::AggregateConflict,
            error => unexpected(error),
        })?;
        let first = usize::try_from(first).map_err(unexpected)?;
        let envelope = |(sequence, payload)| EventEnvelope {
            aggregate_id: id.clone(),
            sequence,
            payload,
            metadata: metadata.clone(),
        };
        Ok((first..).zip(events).map(envelope).collect())
    }
}

fn unexpected<E: std::error::Error>(
    error: impl std::error::Error + Send + Sync + 'static,
) -> AggregateError<E> {
    AggregateError::UnexpectedError(Box::new(error))
}
