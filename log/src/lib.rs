//! The log: the events of every stream, in the order in which they were committed.
//!
//! Everything that reads the table `events` decodes its rows here, so that a row means the same to the
//! append, the read models, the session check and the relay. `inline` has what the append and the read
//! models share: the append calls them through a trait, and neither crate is built on the other.

mod envelope;
mod error;
mod follow;
mod inline;
mod personal;
mod raw;
mod read;
mod row;
mod streams;
mod whole;

pub use envelope::{Envelope, contains, envelopes};
pub use error::LogError;
pub use follow::{follow, last_before};
pub use inline::{AnyRow, BoxedError, Folded, InlineProjections, Write};
pub use personal::OpenPersonal;
pub use raw::{Raw, raw};
pub use read::{HEAD, at, head, lock_head, read, tip};
pub use row::{COLUMNS, decode, decode_all, payload_bytes, stream_of};
pub use streams::{UpTo, beside, last_between, stream, stream_between};
pub use whole::{by_stream, check_whole, follows_in_stream};
