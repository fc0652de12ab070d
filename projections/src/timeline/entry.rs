//! The entry that an event makes in a timeline.

use domain::order::{OrderEvent, OrderStatus};
use domain::product::{
    ProcessingStatus, ProductChanges, ProductDetails, ProductEvent, ProductStatus,
};
use domain::{Change, Event, Personal, Recorded};
use serde::Serialize;
use serde_json::{Value, json};

use super::{FieldChange, TimelineEntry};
use crate::{DecisionPolicies, DecisionPolicy};

/// What an event says beyond its envelope.
#[derive(Default)]
struct Told {
    reason: Option<String>,
    judged: Option<i64>,
    policies: Vec<DecisionPolicy>,
    changes: Vec<FieldChange>,
}

/// The entry that an event makes, if it does. What was before a video stands in earlier events.
pub(super) fn entry(recorded: &Recorded, policies: &DecisionPolicies) -> Option<TimelineEntry> {
    let Told { reason, judged, policies, changes } = match &recorded.event {
        Event::Product(event) => {
            Told { policies: policies.shown(event.policies()), ..of_product(event) }
        }
        Event::Order(event) => of_order(event),
        _ => return None,
    };
    Some(TimelineEntry {
        sequence: recorded.sequence,
        kind: recorded.event.name(),
        at: recorded.at,
        actor: recorded.actor().into(),
        reason,
        judged,
        policies,
        changes,
    })
}

fn of_product(event: &ProductEvent) -> Told {
    use ProductEvent as E;
    use ProductStatus as S;
    match event {
        E::ProductSubmitted { details, .. } => Told::changes(submitted(details)),
        E::ProductEdited { changes } => Told::changes(edited(changes)),
        E::VideoUploaded { video } => {
            Told::video(ProcessingStatus::Processing, Some(&video.sha256))
        }
        E::VideoFinalized { video } => Told::video(ProcessingStatus::Ready, Some(&video.sha256)),
        E::VideoFailed { reason, .. } => {
            let reason = Some(reason.clone());
            Told { reason, ..Told::video(ProcessingStatus::Failed, None) }
        }
        E::ProductReturnedToReview { was } | E::ProductResubmitted { was } => {
            Told::status(Some(was.as_str()), S::Pending.as_str())
        }
        E::ProductApproved { judged, was, reason, .. } => {
            Told::decision(*was, S::Approved, *judged, reason.as_ref())
        }
        E::ProductRejected { judged, was, reason, .. } => {
            Told::decision(*was, S::Rejected, *judged, Some(reason))
        }
        E::ProductCancelled { was } => Told::status(Some(was.as_str()), S::Cancelled.as_str()),
        E::ProductDeleted { .. } => Told::default(),
    }
}

/// What a product begins with, as changes from nothing.
fn submitted(details: &ProductDetails) -> Vec<FieldChange> {
    let ProductDetails { name, description, category, price } = details;
    let price = price.map(|price| FieldChange::first("price", price));
    let given = [
        FieldChange::first("status", ProductStatus::Pending.as_str()),
        FieldChange::first("name", name),
        FieldChange::first("description", description),
        FieldChange::first("category", category),
    ];
    given.into_iter().chain(price).collect()
}

fn edited(changes: &ProductChanges) -> Vec<FieldChange> {
    let ProductChanges { name, description, category, price } = changes;
    let members = [
        name.as_ref().map(|change| FieldChange::of("name", change)),
        description.as_ref().map(|change| FieldChange::of("description", change)),
        category.as_ref().map(|change| FieldChange::of("category", change)),
        price.as_ref().map(|change| FieldChange::of("price", change)),
    ];
    members.into_iter().flatten().collect()
}

fn of_order(event: &OrderEvent) -> Told {
    use OrderStatus as S;
    // Only a PENDING order can be settled.
    let settled = |to: S| Told::status(Some(S::Pending.as_str()), to.as_str());
    match event {
        OrderEvent::OrderPlaced { items, .. } => Told::changes(vec![
            FieldChange::first("status", S::Pending.as_str()),
            FieldChange::first("items", items),
        ]),
        OrderEvent::OrderItemsChanged { from, to } => {
            Told::changes(vec![FieldChange::new("items", json!(from), json!(to))])
        }
        OrderEvent::OrderFulfilled => settled(S::Success),
        OrderEvent::OrderCancelled => settled(S::Cancelled),
        OrderEvent::OrderDeleted => Told::default(),
    }
}

impl Told {
    fn changes(changes: Vec<FieldChange>) -> Self {
        Self { changes, ..Self::default() }
    }

    fn status(from: Option<&str>, to: &str) -> Self {
        Self::changes(vec![FieldChange::new("status", json!(from), json!(to))])
    }

    fn decision(
        was: ProductStatus,
        is: ProductStatus,
        judged: i64,
        reason: Option<&Personal>,
    ) -> Self {
        let reason = reason.and_then(Personal::text).map(str::to_owned);
        Self { reason, judged: Some(judged), ..Self::status(Some(was.as_str()), is.as_str()) }
    }

    /// What was before stands in earlier events: see `video.rs`.
    fn video(to: ProcessingStatus, sha256: Option<&str>) -> Self {
        let status = FieldChange::new("processing_status", Value::Null, json!(to));
        let video = sha256.map(|sha256| FieldChange::new("video", Value::Null, json!(sha256)));
        Self::changes(std::iter::once(status).chain(video).collect())
    }
}

impl FieldChange {
    fn new(field: &'static str, from: Value, to: Value) -> Self {
        Self { field, from, to }
    }

    fn first(field: &'static str, value: impl Serialize) -> Self {
        Self::new(field, Value::Null, json!(value))
    }

    fn of<T: Serialize>(field: &'static str, change: &Change<T>) -> Self {
        Self::new(field, json!(change.from), json!(change.to))
    }
}
