//! Why the log can't be read.

use domain::{DecodeError, StreamId};

/// The log can't be read on; nothing is ever skipped.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An event that this program can't read.
    #[error("the event at position {position} cannot be read: {source}")]
    Undecodable {
        /// Where it is.
        position: i64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A stream id that is no UUID.
    #[error("the event at position {position} has the stream id {id:?}, which is no UUID")]
    StreamId {
        /// Where it is.
        position: i64,
        /// As it stands there.
        id: String,
    },
    /// An event of a kind that the stream can't have.
    #[error("{0} has an event of another kind of stream")]
    OtherKind(StreamId),
    /// An event is missing.
    #[error("the log has a gap: {expected} should follow, {found} does")]
    Gap {
        /// The position, or the stream and sequence, that should follow.
        expected: String,
        /// What does.
        found: String,
    },
    /// The database refused.
    #[error("the log cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// Checks that what was found is what has to come next.
pub(crate) fn follows(
    found: i64,
    expected: i64,
    name: impl Fn(i64) -> String,
) -> Result<(), LogError> {
    if found == expected {
        return Ok(());
    }
    Err(LogError::Gap { expected: name(expected), found: name(found) })
}
