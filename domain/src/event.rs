//! Any event of any aggregate.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::category::CategoryEvent;
use crate::order::OrderEvent;
use crate::product::ProductEvent;
use crate::user::UserEvent;
use crate::{HoldsPersonal, Personal, StreamType, upcast};

/// Any event; what projections and workers read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Of an account.
    User(UserEvent),
    /// Of a category.
    Category(CategoryEvent),
    /// Of a product.
    Product(ProductEvent),
    /// Of an order.
    Order(OrderEvent),
}

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

impl Event {
    /// Reads an event as the log holds it, of whichever version.
    pub fn decode(
        stream: StreamType,
        event: &str,
        version: &str,
        payload: &str,
    ) -> Result<Self, DecodeError> {
        Ok(match stream {
            StreamType::User => Self::User(read(event, version, payload)?),
            StreamType::Category => Self::Category(read(event, version, payload)?),
            StreamType::Product => Self::Product(read(event, version, payload)?),
            StreamType::Order => Self::Order(read(event, version, payload)?),
        })
    }

    /// Its type: the variant's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::User(event) => event.name(),
            Self::Category(event) => event.name(),
            Self::Product(event) => event.name(),
            Self::Order(event) => event.name(),
        }
    }
}

fn read<E: DeserializeOwned>(event: &str, version: &str, payload: &str) -> Result<E, DecodeError> {
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

/// Gives an aggregate's events their types in the log: the names of the variants.
macro_rules! names {
    ($event:ident: $($variant:ident),+ $(,)?) => {
        impl $event {
            /// Every type.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($variant)),+];

            /// Its type in the log.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => stringify!($variant),)+
                }
            }
        }
    };
}
pub(crate) use names;

impl HoldsPersonal for Event {
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
        match self {
            Self::User(event) => event.personal(),
            Self::Category(event) => event.personal(),
            Self::Product(event) => event.personal(),
            Self::Order(event) => event.personal(),
        }
    }
}
