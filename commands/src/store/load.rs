//! From the log to an aggregate, and back through cqrs-es's own trait.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::{PersistedEventRepository, PersistenceError};
use cqrs_es::{AggregateContext, AggregateError, EventEnvelope, EventStore};
use domain::{Aggregate, Event, HoldsPersonal, Metadata, StreamId, upcast};

use super::append::{Append, Encoded, Side};
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
        Self::new(id, A::default(), false)
    }

    fn new(id: A::Id, aggregate: A, cached: bool) -> Self {
        let version = aggregate.version();
        Self { id, aggregate, version, cached, side: Side::default(), metadata: None }
    }
}

fn stream<A: Aggregate>(id: A::Id) -> StreamId {
    StreamId { kind: A::STREAM, id: id.into() }
}

impl Store {
    /// The aggregate as this process last saw it, or as the log has it.
    pub(crate) async fn load<A: Aggregate>(&self, id: A::Id) -> Result<Loaded<A>, StoreError> {
        let cached =
            self.states.get(&stream::<A>(id)).and_then(|state| state.downcast_ref::<A>().cloned());
        match cached {
            Some(aggregate) => Ok(Loaded::new(id, aggregate, true)),
            None => self.load_afresh(id).await,
        }
    }

    /// The aggregate as the log has it.
    pub(crate) async fn load_afresh<A: Aggregate>(
        &self,
        id: A::Id,
    ) -> Result<Loaded<A>, StoreError> {
        let stored = self
            .repository
            .get_events::<A>(&id.to_string())
            .await
            .map_err(|error| unreadable(&error))?;
        let mut events = Vec::with_capacity(stored.len());
        for event in stored {
            let payload = upcast::upcast(&event.event_type, &event.event_version, event.payload)
                .ok_or_else(|| domain::DecodeError::Version {
                    event: event.event_type.clone(),
                    version: event.event_version,
                })?;
            events.push(serde_json::from_value(payload).map_err(|source| {
                domain::DecodeError::Payload { event: event.event_type, source }
            })?);
        }
        self.vault.open_stream::<A::Event>(stream::<A>(id), &mut events).await?;
        let mut aggregate = A::default();
        for event in events {
            aggregate.apply(event);
        }
        if aggregate.version() > 0 {
            self.states.insert(stream::<A>(id), Arc::new(aggregate.clone()));
        }
        Ok(Loaded::new(id, aggregate, false))
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
        let mut encoded_events = Vec::with_capacity(events.len());
        for (event, sequence) in events.into_iter().zip(loaded.version + 1..) {
            encoded_events.push(self.encode(event, stream, sequence).await?);
        }
        let append = Append {
            stream,
            expected: loaded.version,
            events: encoded_events,
            metadata: (metadata, encoded),
            side: loaded.side,
        };
        let done = self.append(append).await.inspect_err(|_| self.states.invalidate(&stream))?;
        self.states.insert(stream, Arc::new(loaded.aggregate));
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

fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(Box::new(error)))
}

fn unreadable(error: &PersistenceError) -> StoreError {
    StoreError::Database(sqlx::Error::Protocol(error.to_string()))
}

/// cqrs-es's own way in, for whatever is built on it: loads, and appends with nothing beside.
impl<A: Aggregate> EventStore<A> for Store {
    type AC = Loaded<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stored = self.repository.get_events::<A>(aggregate_id).await?;
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
