use domain::{CategoryId, Event, Metadata, StreamId, StreamType, UserId};
use log::AnyRow;
use pool::Statement;
use uuid::Uuid;

use super::condition::Condition;
use super::names::NameClaim;
use crate::context::Done;

/// One command's events, and all that has to be true together with them.
#[derive(Clone)]
pub(crate) struct Append {
    pub stream: StreamId,
    /// The version that was decided on; the first event gets the next sequence.
    pub expected: i64,
    pub events: Vec<Encoded>,
    /// The stream's row at that version, where it is known.
    pub row: Option<AnyRow>,
    /// As JSON, the same for all of its events.
    pub metadata: (Metadata, String),
    pub guards: Vec<Guard>,
    pub conditions: Vec<Condition>,
    pub statements: Vec<Statement>,
}

/// An append that came through.
pub(super) struct Appended {
    pub done: Done,
    /// The stream's row from then on, where the stream alone makes it.
    pub row: Option<AnyRow>,
}

/// What goes with the events into one transaction.
#[derive(Clone, Default)]
pub(crate) struct Side {
    pub guards: Vec<Guard>,
    /// A name that the stream holds from then on.
    pub claim: Option<NameClaim>,
    /// A name that is free from then on.
    pub release: Option<NameClaim>,
    /// A name that is kept for its owner for a while, though it leads to nobody.
    pub hold: Option<NameClaim>,
    /// Run before the events are written.
    pub conditions: Vec<Condition>,
    /// Run after the events are written.
    pub statements: Vec<Statement>,
}

impl Side {
    /// Turns the names of that stream into what is run for them, before anything else.
    pub(super) fn with_names(mut self, owner: Uuid) -> Self {
        let claimed = self.claim.take().map(|claim| claim.take(owner));
        self.conditions.splice(0..0, claimed);
        let released = self.release.take().map(|claim| claim.free(owner));
        let held = self.hold.take().map(|claim| claim.hold(owner));
        self.statements.splice(0..0, released.into_iter().chain(held));
        self
    }
}

/// An event, ready to be stored.
#[derive(Clone)]
pub(crate) struct Encoded {
    pub event: Event,
    pub event_type: &'static str,
    pub event_version: &'static str,
    pub payload: String,
}

/// What the decision stood on besides its own stream.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Guard {
    /// That stream is still at that version.
    StreamAt(StreamId, i64),
    /// That category has no products.
    CategoryEmpty(CategoryId),
    /// An active ADMIN other than this account remains.
    AdminRemains(UserId),
    /// That person, who gave the command, has not asked to be forgotten.
    NotErased(UserId),
}

impl Append {
    /// What it comes to.
    pub(super) fn done(&self) -> Appended {
        let events = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let done = Done { version: self.expected.saturating_add(events), row: None };
        Appended { done, row: None }
    }

    /// Whether there is nothing beside the events and what one statement can state of their guards.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { guards, conditions, statements, .. } = self;
        let stated = |guard: &Guard| matches!(guard, Guard::StreamAt(..) | Guard::NotErased(_));
        conditions.is_empty() && statements.is_empty() && guards.iter().all(stated)
    }

    /// The versions of other streams that the decision stood on.
    pub(crate) fn stands_on(&self) -> impl Iterator<Item = (StreamId, i64)> {
        self.guards.iter().filter_map(|guard| match guard {
            Guard::StreamAt(stream, version) => Some((*stream, *version)),
            Guard::CategoryEmpty(_) | Guard::AdminRemains(_) | Guard::NotErased(_) => None,
        })
    }

    /// Who must not have asked to be forgotten.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        self.guards.iter().filter_map(|guard| match guard {
            Guard::NotErased(person) => Some(*person),
            Guard::StreamAt(..) | Guard::CategoryEmpty(_) | Guard::AdminRemains(_) => None,
        })
    }

    /// The streams that the decision stood on without writing to them.
    pub(crate) fn watched(&self) -> impl Iterator<Item = StreamId> {
        self.guards.iter().filter_map(|guard| match guard {
            Guard::StreamAt(stream, _) => Some(*stream),
            Guard::CategoryEmpty(category) => {
                Some(StreamId { kind: StreamType::Category, id: category.uuid() })
            }
            Guard::AdminRemains(_) | Guard::NotErased(_) => None,
        })
    }

    /// The streams that another command of the same batch may not write to.
    pub(crate) fn undisturbed(&self) -> impl Iterator<Item = StreamId> {
        let people =
            self.people().map(|person| StreamId { kind: StreamType::User, id: person.uuid() });
        self.watched().chain(people)
    }

    /// Whether it counts on another ADMIN: two such in one batch could count on each other.
    pub(crate) fn counts_on_an_admin(&self) -> bool {
        self.guards.iter().any(|guard| matches!(guard, Guard::AdminRemains(_)))
    }
}
