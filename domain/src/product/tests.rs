//! Given, when, then: a product's facts and commands, as the tests in `tests/` name them.

mod editing;
mod input;
mod lifecycle;
mod property;
mod review;
mod submitting;
mod video;

use cqrs_es::test::TestFramework;

use super::*;
use crate::testing::{
    ALICE, BOB, CAROL, SYSTEM, admin, anybody, auditor, category, end_user, money, refolded, staff,
    upload, wrong,
};
use crate::{Given, Money, Patch, Personal, UserId};

fn name(text: &str) -> ProductName {
    ProductName::try_new(text).unwrap()
}

fn description(text: &str) -> ProductDescription {
    ProductDescription::try_new(text).unwrap()
}

fn reason(text: &str) -> Reason {
    Reason::try_new(text).unwrap()
}

fn lamp() -> ProductDetails {
    ProductDetails {
        name: name("Lamp"),
        description: description("Gives light."),
        category: category(1),
        price: Some(money("12.50", "EUR")),
    }
}

fn raw(number: u128) -> UploadedVideo {
    UploadedVideo { upload: upload(number), size: 9, sha256: "ab".repeat(32) }
}

fn shown(number: u128) -> FinishedVideo {
    FinishedVideo {
        upload: upload(number),
        size: 8,
        sha256: "cd".repeat(32),
        content_type: "video/mp4".to_owned(),
        duration_ms: 12_500,
        width: 640,
        height: 480,
    }
}

// What has happened.

fn submitted_by(owner: UserId) -> ProductEvent {
    ProductEvent::ProductSubmitted { owner, details: lamp() }
}

fn uploaded(number: u128) -> ProductEvent {
    ProductEvent::VideoUploaded { video: raw(number) }
}

fn finalized(number: u128) -> ProductEvent {
    ProductEvent::VideoFinalized { video: shown(number) }
}

fn failed(number: u128) -> ProductEvent {
    ProductEvent::VideoFailed { upload: upload(number), reason: "Not a video.".to_owned() }
}

fn approved_by(by: UserId, judged: i64) -> ProductEvent {
    ProductEvent::ProductApproved {
        by,
        judged,
        was: ProductStatus::Pending,
        reason: None,
        policies: vec![],
    }
}

fn rejected_by(by: UserId, judged: i64) -> ProductEvent {
    let reason = Personal::new(ALICE, "Too dim.");
    ProductEvent::ProductRejected {
        by,
        judged,
        was: ProductStatus::Pending,
        reason,
        policies: vec![],
    }
}

fn cancelled() -> ProductEvent {
    ProductEvent::ProductCancelled { was: ProductStatus::Pending }
}

fn deleted() -> ProductEvent {
    ProductEvent::ProductDeleted { category: category(1) }
}

/// Alice's lamp, without a video, in each status.
fn of_alice(status: ProductStatus) -> Vec<ProductEvent> {
    let then = match status {
        ProductStatus::Pending => None,
        ProductStatus::Approved => Some(approved_by(BOB, 1)),
        ProductStatus::Rejected => Some(rejected_by(BOB, 1)),
        ProductStatus::Cancelled => Some(cancelled()),
    };
    std::iter::once(submitted_by(ALICE)).chain(then).collect()
}

// What is asked.

fn submit_as(by: Actor) -> ProductCommand {
    ProductCommand::Submit { by, details: lamp(), video: None }
}

fn rename_as(by: Actor) -> ProductCommand {
    let edit = EditProduct { name: Given(Some(name("Lantern"))), ..EditProduct::default() };
    ProductCommand::Edit { by, edit, video: None }
}

fn approve_as(by: Actor) -> ProductCommand {
    ProductCommand::Approve { by, reason: None, policies: vec![] }
}

fn approve_because(by: Actor, why: &str) -> ProductCommand {
    ProductCommand::Approve { by, reason: Some(reason(why)), policies: vec![] }
}

fn reject_as(by: Actor) -> ProductCommand {
    ProductCommand::Reject { by, reason: reason("Too dim."), policies: vec![] }
}

fn cancel_as(by: Actor) -> ProductCommand {
    ProductCommand::Cancel { by }
}

fn resubmit_as(by: Actor) -> ProductCommand {
    ProductCommand::Resubmit { by }
}

fn delete_as(by: Actor) -> ProductCommand {
    ProductCommand::Delete { by }
}

/// Those who may change Alice's product: herself in any role that sells, and any ADMIN.
const MAY_EDIT: [Actor; 4] = [end_user(ALICE), staff(ALICE), admin(ALICE), admin(BOB)];

/// Those who may not, and what they are told while it waits for its review.
const MAY_NOT_EDIT: [(Actor, ProductError); 6] = [
    (end_user(BOB), ProductError::NotFound),
    (Actor::Anonymous, ProductError::NotFound),
    (staff(BOB), ProductError::Forbidden),
    (auditor(BOB), ProductError::Forbidden),
    (auditor(ALICE), ProductError::Forbidden),
    (SYSTEM, ProductError::Forbidden),
];

fn given(events: Vec<ProductEvent>) -> cqrs_es::test::AggregateTestExecutor<Product> {
    TestFramework::<Product>::with(()).given(events)
}
