use domain::{CategoryId, Event, Metadata, SessionId, StreamId, StreamType, UserId};
use log::AnyRow;
use serde_json::Value;

use super::access;
use crate::uploads::Take;
use crate::{Done, IdempotencyClaim, Reservation};

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
    pub side: Side,
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
    pub claim: Option<Claim>,
    /// A name that is free from then on.
    pub release: Option<Claim>,
    /// A name that is kept for its owner for a while, though it leads to nobody.
    pub hold: Option<Claim>,
    pub take: Option<Take>,
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
    /// An active ADMIN other than this account remains.
    AdminRemains(UserId),
    /// That person, who gave the command, has not asked to be forgotten.
    NotErased(UserId),
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
    /// No password opens the account until another one is set.
    LockPassword(UserId),
    /// One session is over.
    EndSession(SessionId),
    /// A second factor is in force, by a code of this time step.
    EnableSecondFactor {
        /// Whose.
        user: UserId,
        /// Sealed.
        secret: Vec<u8>,
        /// Its code is used up.
        step: i64,
        /// Of the recovery codes.
        hashes: Vec<[u8; 32]>,
    },
    /// The second factor is gone, its recovery codes too.
    RemoveSecondFactor(UserId),
    /// Hashes of other recovery codes.
    ReplaceRecoveryCodes(UserId, Vec<[u8; 32]>),
    /// A person's password and second factor are destroyed, what is known of their sign-ins is
    /// forgotten, no name is kept for them, and no command is taken from them any more.
    ForgetPerson(UserId),
    /// A person's key is destroyed, and with it all that the log says about them.
    DestroyKey(UserId),
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
    /// What it comes to.
    pub(super) fn done(&self) -> Appended {
        let events = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let done = Done { version: self.expected.saturating_add(events), row: None };
        Appended { done, row: None }
    }

    /// Whether there is nothing beside the events and what one statement can state of their guards.
    pub(crate) fn is_plain(&self) -> bool {
        let Side { guards, claim, release, hold, take, effects, idempotency } = &self.side;
        let stated = |guard: &Guard| matches!(guard, Guard::StreamAt(..) | Guard::NotErased(_));
        claim.is_none()
            && release.is_none()
            && hold.is_none()
            && take.is_none()
            && effects.is_empty()
            && idempotency.is_none()
            && guards.iter().all(stated)
            && !self.events.iter().any(|encoded| access::is_ended_by(&encoded.event))
    }

    /// The versions of other streams that the decision stood on.
    pub(crate) fn stands_on(&self) -> impl Iterator<Item = (StreamId, i64)> {
        self.side.guards.iter().filter_map(|guard| match guard {
            Guard::StreamAt(stream, version) => Some((*stream, *version)),
            Guard::CategoryEmpty(_) | Guard::AdminRemains(_) | Guard::NotErased(_) => None,
        })
    }

    /// Who must not have asked to be forgotten.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        self.side.guards.iter().filter_map(|guard| match guard {
            Guard::NotErased(person) => Some(*person),
            Guard::StreamAt(..) | Guard::CategoryEmpty(_) | Guard::AdminRemains(_) => None,
        })
    }

    /// The streams that the decision stood on without writing to them.
    pub(crate) fn watched(&self) -> impl Iterator<Item = StreamId> {
        self.side.guards.iter().filter_map(|guard| match guard {
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
        self.side.guards.iter().any(|guard| matches!(guard, Guard::AdminRemains(_)))
    }
}
