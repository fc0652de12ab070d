//! The kinds of streams in the log: an aggregate is registered here, in one line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::category::{Category, CategoryEvent, CategoryEventType};
use crate::event::read;
use crate::order::{Order, OrderEvent, OrderEventType};
use crate::policy::{Policy, PolicyEvent, PolicyEventType};
use crate::product::{Product, ProductEvent, ProductEventType};
use crate::user::{User, UserEvent, UserEventType};
use crate::{Aggregate, DecodeError, HoldsPersonal, Personal};

/// The events of one kind of stream.
pub trait StreamEvent: Sized {
    /// The kind.
    const STREAM: StreamType;

    /// The event, if it is of this kind.
    fn of(event: &Event) -> Option<&Self>;
}

macro_rules! streams {
    ($($(#[$doc:meta])* $kind:ident = $name:literal: $event:ident, $event_type:ident;)+) => {
        /// The kinds of streams in the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum StreamType {
            $($(#[$doc])* $kind,)+
        }

        impl StreamType {
            /// Every kind.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// The name in the log and in NATS subjects.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// The format of the aggregate's state, see [`Aggregate::FORMAT`].
            pub const fn state_format(self) -> i32 {
                match self {
                    $(Self::$kind => <$kind as Aggregate>::FORMAT,)+
                }
            }
        }

        /// Any event; what projections and workers read.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        pub enum Event {
            $($(#[$doc])* $kind($event),)+
        }

        /// Any type of event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventType {
            $($(#[$doc])* $kind($event_type),)+
        }

        impl EventType {
            /// The kind of the streams that have such events.
            pub const fn stream(self) -> StreamType {
                match self {
                    $(Self::$kind(_) => StreamType::$kind,)+
                }
            }

            /// Its name in the log: the variant's.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind(event_type) => event_type.into(),)+
                }
            }
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
                    $(StreamType::$kind => Self::$kind(read(event, version, payload)?),)+
                })
            }

            /// Its type.
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$kind(event) => EventType::$kind(event.into()),)+
                }
            }
        }

        impl HoldsPersonal for Event {
            fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
                match self {
                    $(Self::$kind(event) => event.personal(),)+
                }
            }
        }

        $(
            impl StreamEvent for $event {
                const STREAM: StreamType = StreamType::$kind;

                fn of(event: &Event) -> Option<&Self> {
                    if let Event::$kind(event) = event { Some(event) } else { None }
                }
            }

            impl From<$event> for Event {
                fn from(event: $event) -> Self {
                    Self::$kind(event)
                }
            }

            impl TryFrom<Event> for $event {
                type Error = Event;

                /// The event, or what it is instead: of another kind of stream.
                fn try_from(event: Event) -> Result<Self, Event> {
                    if let Event::$kind(event) = event { Ok(event) } else { Err(event) }
                }
            }

            impl cqrs_es::DomainEvent for $event {
                fn event_type(&self) -> String {
                    <&'static str>::from($event_type::from(self)).to_owned()
                }

                fn event_version(&self) -> String {
                    let name = $event_type::from(self).into();
                    crate::upcast::current_version(name).to_owned()
                }
            }
        )+
    };
}

streams! {
    /// Accounts.
    User = "user": UserEvent, UserEventType;
    /// Shelves.
    Category = "category": CategoryEvent, CategoryEventType;
    /// Listings.
    Product = "product": ProductEvent, ProductEventType;
    /// Purchases.
    Order = "order": OrderEvent, OrderEventType;
    /// Rules of the marketplace.
    Policy = "policy": PolicyEvent, PolicyEventType;
}

impl Event {
    /// The name of its type: the variant's.
    pub fn name(&self) -> &'static str {
        self.event_type().name()
    }
}

impl fmt::Display for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StreamType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("unknown stream type {text:?}"))
    }
}
