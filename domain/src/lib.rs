//! What may happen: aggregates, events and rules. No I/O, no clock, no randomness.
//!
//! Each aggregate is a folder: `command.rs` (also the request bodies), `event.rs`, `error.rs`,
//! and `mod.rs` with its state, `decide` and `apply`. [`Recorded`] is an event as the log holds it.

mod actor;
mod aggregate;
mod change;
mod choice;
mod email;
mod event;
mod field_errors;
mod folding;
mod hidden;
mod id;
mod input;
mod metadata;
mod moment;
mod money;
mod personal;
mod recorded;
mod security;
mod streams;
#[cfg(test)]
mod testing;
mod text;
pub mod upcast;

pub mod category;
pub mod order;
pub mod policy;
pub mod product;
pub mod user;

pub use actor::{Actor, Role, SystemActor};
pub use aggregate::{Aggregate, Refusal, RefusalKind, Refuse, replay, snapshot_format};
pub use change::Change;
pub use choice::choice;
pub use email::{EmailAddress, NewEmailAddress};
pub use event::DecodeError;
pub use field_errors::FieldErrors;
pub use folding::folded;
pub use hidden::is_hidden;
pub use id::{
    CategoryId, OrderId, PolicyId, ProductId, RequestId, SessionId, TemplateId, UploadId, UserId,
};
pub use input::{Given, Patch, read};
pub use metadata::Metadata;
pub use moment::{Moment, MomentError};
pub use money::{Currency, Money, MoneyError};
pub use personal::{HoldsPersonal, Personal, Sealed};
pub use recorded::{Recorded, Stored, StreamId};
pub use security::SecurityEvent;
pub use streams::{Event, EventType, StreamEvent, StreamType};
pub use text::{Text, TextError, one_line};
