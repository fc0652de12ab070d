//! What happened to each product and order: who, when, from what to what, and why.

mod entry;
mod page;
mod query;
mod shape;
mod video;

pub use query::Timeline;
pub use shape::{FieldChange, TimelineActor, TimelineEntry, TimelineEntryType};
use video::VideoState;
pub use video::timeline_of;
