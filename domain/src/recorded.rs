//! The envelope: an event as the log holds it.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Actor, DecodeError, Event, Metadata, StreamType};

/// One stream of the log: `(type, id)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The aggregate's type.
    pub kind: StreamType,
    /// The aggregate's id.
    pub id: Uuid,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Place in the whole log: contiguous from 1, in commit order.
    pub position: i64,
    /// Its stream.
    pub stream: StreamId,
    /// Place in the stream: contiguous from 1. The stream's version after this event.
    pub sequence: i64,
    /// Names the event everywhere outside, NATS included.
    pub event_id: Uuid,
    /// When it was committed; never earlier than the event before it.
    pub at: OffsetDateTime,
    /// Who caused it, and in which request.
    pub metadata: Metadata,
    /// What happened.
    pub event: Event,
}

/// The columns of `events`, undecoded.
pub struct Stored<'a> {
    /// `aggregate_type`.
    pub stream_type: &'a str,
    /// `aggregate_id`.
    pub stream_id: Uuid,
    /// `sequence`.
    pub sequence: i64,
    /// `event_type`.
    pub event_type: &'a str,
    /// `event_version`.
    pub event_version: &'a str,
    /// `payload`, byte for byte.
    pub payload: &'a str,
    /// `metadata`, byte for byte.
    pub metadata: &'a str,
    /// `position`.
    pub position: i64,
    /// `event_id`.
    pub event_id: Uuid,
    /// `recorded_at`.
    pub at: OffsetDateTime,
}

impl Recorded {
    /// Reads a row of `events`, upcasting as needed.
    pub fn decode(stored: &Stored<'_>) -> Result<Self, DecodeError> {
        let kind = stored.stream_type.parse().map_err(DecodeError::StreamType)?;
        let event = Event::decode(kind, stored.event_type, stored.event_version, stored.payload)?;
        let metadata = serde_json::from_str(stored.metadata).map_err(|source| {
            DecodeError::Payload { event: format!("metadata of {}", stored.event_type), source }
        })?;
        Ok(Self {
            position: stored.position,
            stream: StreamId { kind, id: stored.stream_id },
            sequence: stored.sequence,
            event_id: stored.event_id,
            at: stored.at,
            metadata,
            event,
        })
    }

    /// Who caused it.
    pub const fn actor(&self) -> Actor {
        self.metadata.actor
    }
}
