//! What streams send: the documented shapes, and their form on the wire.

use axum::response::sse::Event;
use domain::ProductId;
use projections::{Product, TimelineEntry};
use serde::Serialize;
use serde_json::{Map, json};
use utoipa::ToSchema;

use crate::http::list::List;
use crate::http::payload::{Recipient, sealed_data};

/// The `data` of a live event. Its `type` is the same as the `event` that the stream names. Every
/// event but `progress` has an `id`, the position in the log: sent back as `Last-Event-ID`, it has
/// the stream resume after it, on any replica.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "type", mapping(
    ("snapshot" = "#/components/schemas/SnapshotEvent"),
    ("product" = "#/components/schemas/ProductEvent"),
    ("gone" = "#/components/schemas/GoneEvent"),
    ("progress" = "#/components/schemas/ProgressEvent"),
    ("resync" = "#/components/schemas/ResyncEvent"),
)))]
#[expect(clippy::large_enum_variant, reason = "it lives for moments")]
pub(crate) enum LiveEvent {
    Snapshot(Snapshot),
    Changed(Changed),
    Gone(Gone),
    Progress(Progressed),
    Resync(Resync),
}

/// Makes the type of a member `type` that has one value.
macro_rules! tags {
    ($($tag:ident),+) => {$(
        #[derive(Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $tag {
            $tag,
        }
    )+};
}

/// The names of events.
mod tag {
    use serde::Serialize;
    use utoipa::ToSchema;

    tags!(Snapshot, Product, Gone, Progress, Resync);
}

/// Begins a stream that is not resumed: the products as they are now, in the form of a list page.
#[derive(Serialize, ToSchema)]
#[schema(as = SnapshotEvent)]
pub(crate) struct Snapshot {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: tag::Snapshot,
    /// The next page of the same list; `null` on the last.
    #[schema(format = "uri")]
    next: Option<String>,
    /// The previous page; `null` on the first.
    #[schema(format = "uri")]
    previous: Option<String>,
    /// The products.
    results: Vec<Product>,
}

/// Something happened to a product.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductEvent)]
pub(crate) struct Changed {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: tag::Product,
    /// The current product, which may be of a later version than the event.
    product: Product,
    /// The entry of its timeline; `null` for a reader who may not see the timeline.
    happened: Option<TimelineEntry>,
}

/// A product was deleted, or the reader may no longer see it.
#[derive(Serialize, ToSchema)]
#[schema(as = GoneEvent)]
pub(crate) struct Gone {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: tag::Gone,
    /// The product's id.
    product: ProductId,
    /// The entry of its timeline; `null` for a reader who may not see the timeline.
    happened: Option<TimelineEntry>,
}

/// How much of a video has been processed. It has no `id`, and some may be missing.
#[derive(Serialize, ToSchema)]
#[schema(as = ProgressEvent)]
pub(crate) struct Progressed {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: tag::Progress,
    /// The id of the product whose video it is.
    product: ProductId,
    /// Per cent.
    #[schema(minimum = 0, maximum = 100)]
    percent: u8,
}

/// Events are missing, since the client was too slow or away for too long: it has to get again
/// what it shows. The events that follow are complete.
#[derive(Serialize, ToSchema)]
#[schema(as = ResyncEvent)]
pub(crate) struct Resync {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: tag::Resync,
}

impl LiveEvent {
    /// Products as they are now.
    pub(crate) fn snapshot(List { next, previous, results }: List<Product>) -> Self {
        Self::Snapshot(Snapshot { kind: tag::Snapshot::Snapshot, next, previous, results })
    }

    /// Something that happened to a product.
    pub(crate) const fn changed(product: Product, happened: Option<TimelineEntry>) -> Self {
        Self::Changed(Changed { kind: tag::Product::Product, product, happened })
    }

    /// A product that can't be seen any more.
    pub(crate) const fn gone(product: ProductId, happened: Option<TimelineEntry>) -> Self {
        Self::Gone(Gone { kind: tag::Gone::Gone, product, happened })
    }

    /// How far a video is, in per cent.
    pub(crate) const fn progress(product: ProductId, percent: u8) -> Self {
        Self::Progress(Progressed { kind: tag::Progress::Progress, product, percent })
    }

    /// Events are missing.
    pub(crate) const fn resync() -> Self {
        Self::Resync(Resync { kind: tag::Resync::Resync })
    }
}

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

    /// The bytes that are sent: for a client that gave its key, with `data` encrypted as an answer would be.
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
