//! What happened to each product and order: who, when, from what to what, and why.

mod entry;
mod query;

pub use entry::FieldChange;
pub use query::{Timeline, TimelineActor, TimelineEntry, TimelineEntryType, timeline_of};
