//! Reading an event as the log holds it.

use serde::de::DeserializeOwned;

use crate::upcast;

/// A stored event can't be read; the reader that met it stops.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A kind of stream that this program doesn't know.
    #[error("{0}")]
    StreamType(String),
    /// A version that this program doesn't know.
    #[error("{event} has version {version}, which this program does not know: update it")]
    Version {
        /// The event's type.
        event: String,
        /// The stored version.
        version: String,
    },
    /// Bytes that are not such an event.
    #[error("{event} can't be read: {source}")]
    Payload {
        /// The event's type.
        event: String,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// An event as the log holds it, of whichever version.
pub(crate) fn read<E: DeserializeOwned>(
    event: &str,
    version: &str,
    payload: &str,
) -> Result<E, DecodeError> {
    let failed = |source| DecodeError::Payload { event: event.to_owned(), source };
    if version == upcast::current_version(event) {
        return serde_json::from_str(payload).map_err(failed);
    }
    let earlier = serde_json::from_str(payload).map_err(failed)?;
    let today = upcast::upcast(event, version, earlier).ok_or_else(|| DecodeError::Version {
        event: event.to_owned(),
        version: version.to_owned(),
    })?;
    serde_json::from_value(today).map_err(failed)
}
