//! Made-up events.

use std::collections::HashMap;

use domain::category::CategoryEvent;
use domain::policy::{CitedPolicy, PolicyDetails, PolicyEvent, PolicyWording, Severity};
use domain::product::{FinishedVideo, ProductDetails, ProductEvent, ProductStatus, UploadedVideo};
use domain::{
    Actor, CategoryId, Event, Metadata, Money, Personal, PolicyId, ProductId, Recorded, Role,
    StreamId, StreamType, Text, UploadId, UserId,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub const ALICE: UserId = UserId::from_uuid(Uuid::from_u128(0xa11ce));
pub const BOB: UserId = UserId::from_uuid(Uuid::from_u128(0xb0b));
pub const MODERATOR: UserId = UserId::from_uuid(Uuid::from_u128(0x57aff));
pub const BOOKS: CategoryId = CategoryId::from_uuid(Uuid::from_u128(0xb00c));
pub const TOYS: CategoryId = CategoryId::from_uuid(Uuid::from_u128(0x7075));
pub const START: OffsetDateTime = datetime!(2026-11-23 9:00:00.123456 UTC);

/// A log in the making: gives events their places, one millisecond apart.
#[derive(Default)]
pub struct Log {
    position: i64,
    sequences: HashMap<StreamId, i64>,
}

impl Log {
    pub fn record(&mut self, stream: StreamId, event: impl Into<Event>) -> Recorded {
        self.position += 1;
        let sequence = self.sequences.entry(stream).or_default();
        *sequence += 1;
        let actor = Actor::User { id: MODERATOR, role: Role::Staff };
        Recorded {
            position: self.position,
            stream,
            sequence: *sequence,
            event_id: Uuid::now_v7(),
            at: START + Duration::milliseconds(self.position),
            metadata: Metadata {
                actor,
                request_id: "test".to_owned(),
                session_id: None,
                idempotency_key: None,
            },
            event: event.into(),
        }
    }

    pub fn product(&mut self, id: ProductId, event: ProductEvent) -> Recorded {
        self.record(StreamId { kind: StreamType::Product, id: id.uuid() }, event)
    }

    pub fn category(&mut self, id: CategoryId, name: &str) -> Recorded {
        let description = text("");
        let event = CategoryEvent::CategoryCreated { name: text(name), description };
        self.record(StreamId { kind: StreamType::Category, id: id.uuid() }, event)
    }

    /// A product that is listed.
    pub fn listed(&mut self, id: ProductId, owner: UserId, name: &str) -> Vec<Recorded> {
        let submitted = self.product(id, submitted(owner, name, BOOKS, None));
        vec![submitted, self.product(id, approved(1))]
    }
}

pub fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::try_new(text).unwrap()
}

pub fn money(amount: &str, currency: &str) -> Money {
    Money::try_new(amount, currency.parse().unwrap()).unwrap()
}

pub fn product(number: u128) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(number))
}

pub fn submitted(
    owner: UserId,
    name: &str,
    category: CategoryId,
    price: Option<Money>,
) -> ProductEvent {
    let details =
        ProductDetails { name: text(name), description: text("Quite new"), category, price };
    ProductEvent::ProductSubmitted { owner, details }
}

pub fn approved(judged: i64) -> ProductEvent {
    let was = ProductStatus::Pending;
    ProductEvent::ProductApproved { by: MODERATOR, judged, was, reason: None, policies: vec![] }
}

pub fn rejected(judged: i64, reason: &str) -> ProductEvent {
    let (was, reason) = (ProductStatus::Pending, Personal::new(ALICE, reason));
    ProductEvent::ProductRejected { by: MODERATOR, judged, was, reason, policies: vec![] }
}

pub fn uploaded(upload: u128) -> ProductEvent {
    let upload = UploadId::from_uuid(Uuid::from_u128(upload));
    let video =
        UploadedVideo { upload, size: 9, sha256: format!("raw {}", upload.uuid().as_u128()) };
    ProductEvent::VideoUploaded { video }
}

pub fn failed(upload: u128) -> ProductEvent {
    let upload = UploadId::from_uuid(Uuid::from_u128(upload));
    ProductEvent::VideoFailed { upload, reason: "No video".to_owned() }
}

pub fn finalized(upload: u128) -> ProductEvent {
    ProductEvent::VideoFinalized {
        video: FinishedVideo {
            upload: UploadId::from_uuid(Uuid::from_u128(upload)),
            size: 8,
            sha256: format!("done {upload}"),
            content_type: "video/mp4".to_owned(),
            duration_ms: 1500,
            width: 640,
            height: 360,
        },
    }
}

pub fn policy(number: u128) -> PolicyId {
    PolicyId::from_uuid(Uuid::from_u128(number))
}

pub fn wording(title: &str, says: &str) -> PolicyWording {
    PolicyWording { title: text(title), text: text(says) }
}

pub fn policy_created(code: &str, wording: PolicyWording) -> PolicyEvent {
    let (severity, parent, dsa_category) = (Severity::Low, None, None);
    let (code, templates) = (code.parse().unwrap(), vec![]);
    let details = PolicyDetails { code, wording, severity, parent, dsa_category, templates };
    PolicyEvent::PolicyCreated { details }
}

pub fn reworded(code: &str, from: PolicyWording, to: PolicyWording) -> PolicyEvent {
    PolicyEvent::PolicyReworded { code: code.parse().unwrap(), from, to }
}

pub fn rejected_by(judged: i64, policies: Vec<CitedPolicy>) -> ProductEvent {
    let (was, reason) = (ProductStatus::Pending, Personal::new(ALICE, "Blurred"));
    ProductEvent::ProductRejected { by: MODERATOR, judged, was, reason, policies }
}
