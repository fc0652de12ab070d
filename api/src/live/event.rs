//! What streams send: the documented shapes, and their form on the wire.

use axum::response::sse::Event;
use domain::ProductId;
use projections::{Product, TimelineEntry};
use serde::Serialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::list::List;
use crate::payload::{Recipient, sealed_data};

/// What the `data` of an event holds, by its `event`. All but `progress` have an `id`, the position
/// in the log: sent back as `Last-Event-ID`, it has the stream go on after it, on any replica.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it lives for moments")]
pub(super) enum LiveEvent {
    /// `snapshot`: what is so now, in the form of a list.
    Snapshot(List<Product>),
    /// `product`: something happened to a product.
    Changed(Changed),
    /// `gone`: a product was deleted, or may no longer be seen.
    Gone(Gone),
    /// `progress`: how far a worker is with a video. It has no id, and some may be missing.
    Progress(Progressed),
    /// `resync`: events are missing, since the client was too slow or away for too long. What it
    /// shows has to be got anew; events from here on follow.
    Resync(Resync),
}

/// A product, and what happened to it.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    /// As it is now, which may be later than what happened.
    pub product: Product,
    /// What happened, as `/products/{id}/moderation/` tells it; `null` for whom it tells nothing.
    pub happened: Option<TimelineEntry>,
}

/// A product that can't be seen any more.
#[derive(Serialize, ToSchema)]
pub(super) struct Gone {
    /// Which.
    pub product: ProductId,
    /// What happened; `null` for whom the timeline tells nothing.
    pub happened: Option<TimelineEntry>,
}

/// How far a video is.
#[derive(Serialize, ToSchema)]
#[schema(as = Progress)]
pub(super) struct Progressed {
    /// Whose video.
    pub product: ProductId,
    /// Per cent.
    #[schema(minimum = 0, maximum = 100)]
    pub percent: u8,
}

/// Nothing but that something is missing.
#[derive(Serialize, ToSchema)]
pub(super) struct Resync {}

impl LiveEvent {
    const fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Changed(_) => "product",
            Self::Gone(_) => "gone",
            Self::Progress(_) => "progress",
            Self::Resync(_) => "resync",
        }
    }

    /// As it is sent: for a client that gave its key, with `data` encrypted as an answer would be.
    /// `None` where that failed: the stream then ends rather than leaving something out.
    pub(super) fn written(&self, id: Option<i64>, recipient: &Recipient) -> Option<Event> {
        let plain = serde_json::to_vec(self).ok()?;
        let data = match recipient {
            Recipient::Anybody => String::from_utf8(plain).ok()?,
            Recipient::Holder(key) => {
                let kind = Map::from_iter([("cty".to_owned(), json!("json"))]);
                sealed_data(key, &plain, kind).ok()?
            }
            Recipient::Unreadable => return None,
        };
        let event = Event::default().event(self.name()).data(data);
        Some(match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        })
    }
}
