use domain::{CategoryId, Event, Metadata, SessionId, StreamId, UserId};
use serde_json::Value;

use crate::{IdempotencyClaim, Reservation};

/// One command's events, and all that has to be true together with them.
#[derive(Clone)]
pub(crate) struct Append {
    pub stream: StreamId,
    /// The version that was decided on; the first event gets the next sequence.
    pub expected: i64,
    pub events: Vec<Encoded>,
    /// As JSON, the same for all of its events.
    pub metadata: (Metadata, String),
    pub side: Side,
}

/// What goes with the events into one transaction.
#[derive(Clone, Default)]
pub(crate) struct Side {
    pub guards: Vec<Guard>,
    pub claim: Option<Claim>,
    pub release: Option<Claim>,
    pub effects: Vec<Effect>,
    pub idempotency: Option<(IdempotencyClaim, Value)>,
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
}

/// A name that may be held once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub reservation: Reservation,
    pub name: String,
}

/// A write beside the log.
#[derive(Clone)]
pub(crate) enum Effect {
    /// A password hash (PHC string).
    SetCredential(UserId, String),
    /// One session is over.
    EndSession(SessionId),
    /// All sessions of a person are over, but for one.
    EndSessions(UserId, Option<SessionId>),
    /// A person's key and password are destroyed.
    DestroyKeys(UserId),
}

impl Claim {
    pub(crate) fn kind(&self) -> &'static str {
        self.reservation.kind()
    }
}

impl Reservation {
    /// Its name in the table.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::CategoryName => "category_name",
        }
    }
}

impl Append {
    /// The streams that the decision stood on without writing to them.
    pub(crate) fn watched(&self) -> impl Iterator<Item = StreamId> {
        self.side.guards.iter().map(|guard| match guard {
            Guard::StreamAt(stream, _) => *stream,
            Guard::CategoryEmpty(category) => {
                StreamId { kind: domain::StreamType::Category, id: category.uuid() }
            }
        })
    }
}
