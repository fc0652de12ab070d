//! What the tests of the aggregates share.

use cqrs_es::DomainEvent as _;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Actor, Aggregate, CategoryId, Event, FieldErrors, Money, ProductId, Role, SystemActor,
    UploadId, UserId,
};

pub const ALICE: UserId = UserId::from_uuid(Uuid::from_u128(0xa11ce));
pub const BOB: UserId = UserId::from_uuid(Uuid::from_u128(0xb0b));
pub const CAROL: UserId = UserId::from_uuid(Uuid::from_u128(0xca201));

pub const SYSTEM: Actor = Actor::System(SystemActor::VideoFinalizer);

pub const fn end_user(id: UserId) -> Actor {
    Actor::User { id, role: Role::EndUser }
}

pub const fn staff(id: UserId) -> Actor {
    Actor::User { id, role: Role::Staff }
}

pub const fn admin(id: UserId) -> Actor {
    Actor::User { id, role: Role::Admin }
}

pub const fn auditor(id: UserId) -> Actor {
    Actor::User { id, role: Role::Auditor }
}

pub const fn category(number: u128) -> CategoryId {
    CategoryId::from_uuid(Uuid::from_u128(number))
}

pub const fn product(number: u128) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(number))
}

pub const fn upload(number: u128) -> UploadId {
    UploadId::from_uuid(Uuid::from_u128(number))
}

pub fn money(amount: &str, currency: &str) -> Money {
    Money::try_new(amount, currency.parse().unwrap()).unwrap()
}

/// Anybody at all: three people in each role, the program, and nobody.
pub fn anybody() -> impl Strategy<Value = Actor> {
    prop_oneof![
        12 => (select(vec![ALICE, BOB, CAROL]), select(Role::ALL.to_vec()))
            .prop_map(|(id, role)| Actor::User { id, role }),
        1 => Just(SYSTEM),
        1 => Just(Actor::Anonymous),
    ]
}

/// What is wrong with a body, as the outside is told; `{}` where nothing is.
pub fn wrong<T: deserr::Deserr<FieldErrors>>(body: serde_json::Value) -> serde_json::Value {
    let errors = crate::read::<T>(body).err().unwrap_or_default();
    serde_json::to_value(errors).unwrap()
}

/// An aggregate folded from scratch, each event having been written to the log and read back, and the state
/// after each to a snapshot.
pub fn refolded<A: Aggregate>(events: &[A::Event]) -> A
where
    A::Event: Serialize,
{
    let mut aggregate = A::default();
    for event in events {
        let payload = serde_json::to_string(event).unwrap();
        let (name, version) = (event.event_type(), event.event_version());
        let decoded = Event::decode(A::STREAM, &name, &version, &payload).unwrap();
        assert_eq!(decoded, event.clone().into(), "what was written is what is read");
        aggregate.apply(serde_json::from_str(&payload).unwrap());
        let state = serde_json::to_string(&aggregate).unwrap();
        aggregate = serde_json::from_str(&state).unwrap();
    }
    aggregate
}
