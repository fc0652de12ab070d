//! The shape of an entry.

use domain::order::OrderEventType;
use domain::product::ProductEventType;
use domain::{Actor, Role, SystemActor, UserId, choice};
use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;
use time::OffsetDateTime;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::DecisionPolicy;

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// The version of the product or order after it.
    pub sequence: i64,
    /// What happened: the event's type.
    #[serde(rename = "type")]
    #[schema(value_type = TimelineEntryType)]
    pub kind: &'static str,
    /// When it happened.
    #[serde(with = "crate::timestamp")]
    pub at: OffsetDateTime,
    /// Who did it.
    pub actor: TimelineActor,
    /// The reason; `null` where there is none.
    pub reason: Option<String>,
    /// The version that a decision judged; `null` where this is no decision.
    pub judged: Option<i64>,
    /// The policies that a decision stands on, as they were then.
    pub policies: Vec<DecisionPolicy>,
    /// The members that changed; in the first entry, their initial values.
    pub changes: Vec<FieldChange>,
}

/// A member that changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldChange {
    /// The member's name; a `video` is told by its SHA-256.
    pub field: &'static str,
    /// Its value before; `null` where there was none.
    pub from: Value,
    /// Its value after; `null` where there is none.
    pub to: Value,
}

/// Types of entries, for the OpenAPI document: the events of products and of orders.
pub struct TimelineEntryType;

impl PartialSchema for TimelineEntryType {
    fn schema() -> RefOr<Schema> {
        let names = ProductEventType::VARIANTS.iter().chain(OrderEventType::VARIANTS).copied();
        choice("What happened to a product or an order.", names)
    }
}

impl ToSchema for TimelineEntryType {}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TimelineActor {
    /// A person.
    User {
        /// The account's id.
        id: UserId,
        /// Its role at that time.
        role: Role,
    },
    /// The program itself.
    System {
        /// Which part of it.
        system: SystemActor,
    },
    /// Somebody who was not signed in.
    Anonymous {
        /// `true`.
        anonymous: bool,
    },
}

impl From<Actor> for TimelineActor {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User { id, role } => Self::User { id, role },
            Actor::System(system) => Self::System { system },
            Actor::Anonymous => Self::Anonymous { anonymous: true },
        }
    }
}
