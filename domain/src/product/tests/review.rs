use super::*;
use crate::PolicyId;
use crate::policy::CitedPolicy;

const MODERATORS: [Actor; 2] = [staff(BOB), admin(BOB)];

#[test]
fn staff_and_admins_approve_what_others_submitted() {
    for by in MODERATORS {
        given(of_alice(ProductStatus::Pending))
            .when(approve_as(by))
            .then_expect_events(vec![approved_by(BOB, 1)]);
    }
}

#[test]
fn staff_and_admins_reject_what_others_submitted() {
    for by in MODERATORS {
        given(of_alice(ProductStatus::Pending))
            .when(reject_as(by))
            .then_expect_events(vec![rejected_by(BOB, 1)]);
    }
}

#[test]
fn nobody_reviews_their_own_product() {
    for by in [staff(ALICE), admin(ALICE)] {
        for status in ProductStatus::ALL {
            for command in [approve_as(by), approve_because(by, "Nice."), reject_as(by)] {
                given(of_alice(status)).when(command).then_expect_error(ProductError::OwnProduct);
            }
        }
    }
}

#[test]
fn nobody_else_reviews_products_and_strangers_do_not_learn_that_they_exist() {
    for (by, error) in [
        (end_user(BOB), ProductError::NotFound),
        (Actor::Anonymous, ProductError::NotFound),
        (end_user(ALICE), ProductError::Forbidden),
        (auditor(ALICE), ProductError::Forbidden),
        (auditor(BOB), ProductError::Forbidden),
        (SYSTEM, ProductError::Forbidden),
    ] {
        for status in [ProductStatus::Pending, ProductStatus::Rejected, ProductStatus::Cancelled] {
            for command in [approve_because(by, "Nice."), reject_as(by)] {
                given(of_alice(status)).when(command).then_expect_error(error.clone());
            }
        }
    }
}

#[test]
fn a_stranger_who_sees_the_product_is_told_that_they_may_not_review_it() {
    for command in [approve_as(end_user(BOB)), reject_as(end_user(BOB))] {
        given(of_alice(ProductStatus::Approved))
            .when(command)
            .then_expect_error(ProductError::Forbidden);
    }
}

#[test]
fn a_decision_names_the_version_that_was_judged() {
    let events = vec![submitted_by(ALICE), uploaded(1), finalized(1)];

    given(events.clone())
        .when(approve_as(staff(BOB)))
        .then_expect_events(vec![approved_by(BOB, 3)]);
    given(events).when(reject_as(staff(BOB))).then_expect_events(vec![rejected_by(BOB, 3)]);
}

#[test]
fn a_reason_is_kept_as_a_text_about_the_owner() {
    given(of_alice(ProductStatus::Pending))
        .when(approve_because(staff(BOB), "Bright enough."))
        .then_expect_events(vec![ProductEvent::ProductApproved {
            by: BOB,
            judged: 1,
            was: ProductStatus::Pending,
            reason: Some(Personal::new(ALICE, "Bright enough.")),
            policies: vec![],
        }]);
}

#[test]
fn the_same_decision_is_not_made_twice() {
    for by in [staff(BOB), staff(CAROL), admin(CAROL)] {
        for command in [approve_as(by), approve_because(by, "Again.")] {
            given(of_alice(ProductStatus::Approved))
                .when(command)
                .then_expect_error(ProductError::AlreadyDecided);
        }
        given(of_alice(ProductStatus::Rejected))
            .when(reject_as(by))
            .then_expect_error(ProductError::AlreadyDecided);
    }
}

#[test]
fn an_approval_is_reversed_with_a_reason() {
    given(of_alice(ProductStatus::Approved)).when(reject_as(admin(CAROL))).then_expect_events(
        vec![ProductEvent::ProductRejected {
            by: CAROL,
            judged: 2,
            was: ProductStatus::Approved,
            reason: Personal::new(ALICE, "Too dim."),
            policies: vec![],
        }],
    );
}

#[test]
fn a_rejection_is_reversed_with_a_reason() {
    given(of_alice(ProductStatus::Rejected))
        .when(approve_because(staff(CAROL), "Bright enough."))
        .then_expect_events(vec![ProductEvent::ProductApproved {
            by: CAROL,
            judged: 2,
            was: ProductStatus::Rejected,
            reason: Some(Personal::new(ALICE, "Bright enough.")),
            policies: vec![],
        }]);
}

#[test]
fn a_rejection_is_not_reversed_without_a_reason() {
    given(of_alice(ProductStatus::Rejected))
        .when(approve_as(staff(CAROL)))
        .then_expect_error(ProductError::ReasonRequired);
}

#[test]
fn a_cancelled_product_is_not_reviewed() {
    for by in MODERATORS {
        for command in [approve_as(by), approve_because(by, "Nice."), reject_as(by)] {
            given(of_alice(ProductStatus::Cancelled))
                .when(command)
                .then_expect_error(ProductError::NotReviewable);
        }
    }
}

#[test]
fn a_product_whose_video_is_not_ready_is_not_approved() {
    for video in [
        vec![uploaded(1)],
        vec![uploaded(1), failed(1)],
        vec![uploaded(1), finalized(1), uploaded(2)],
    ] {
        given([vec![submitted_by(ALICE)], video.clone()].concat())
            .when(approve_as(staff(BOB)))
            .then_expect_error(ProductError::VideoNotReady);
        given([of_alice(ProductStatus::Rejected), video].concat())
            .when(approve_because(staff(BOB), "Nice."))
            .then_expect_error(ProductError::VideoNotReady);
    }
}

#[test]
fn a_product_whose_video_is_not_ready_may_be_rejected() {
    given(vec![submitted_by(ALICE), uploaded(1)])
        .when(reject_as(staff(BOB)))
        .then_expect_events(vec![rejected_by(BOB, 2)]);
    given(vec![submitted_by(ALICE), uploaded(1), failed(1)])
        .when(reject_as(staff(BOB)))
        .then_expect_events(vec![rejected_by(BOB, 3)]);
}

#[test]
fn a_product_that_came_back_to_review_is_judged_as_if_for_the_first_time() {
    let returned = ProductEvent::ProductReturnedToReview { was: ProductStatus::Rejected };
    let resubmitted = ProductEvent::ProductResubmitted { was: ProductStatus::Rejected };
    for back in [returned, resubmitted] {
        given([of_alice(ProductStatus::Rejected), vec![back]].concat())
            .when(approve_as(staff(BOB)))
            .then_expect_events(vec![approved_by(BOB, 3)]);
    }
}

#[test]
fn a_decision_keeps_the_policies_that_it_stands_on_at_their_versions() {
    let id = PolicyId::from_uuid(uuid::Uuid::from_u128(1));
    let policies = vec![CitedPolicy { id, version: 3 }];
    let (by, reason) = (staff(BOB), reason("Too dim."));

    given(of_alice(ProductStatus::Pending))
        .when(ProductCommand::Approve { by, reason: None, policies: policies.clone() })
        .then_expect_events(vec![ProductEvent::ProductApproved {
            by: BOB,
            judged: 1,
            was: ProductStatus::Pending,
            reason: None,
            policies: policies.clone(),
        }]);
    given(of_alice(ProductStatus::Pending))
        .when(ProductCommand::Reject { by, reason, policies: policies.clone() })
        .then_expect_events(vec![ProductEvent::ProductRejected {
            by: BOB,
            judged: 1,
            was: ProductStatus::Pending,
            reason: Personal::new(ALICE, "Too dim."),
            policies,
        }]);
}

#[test]
fn a_reason_with_a_placeholder_is_refused() {
    let left = || ProductError::UnfilledPlaceholder("{colour}".to_owned());
    let text = "It is {colour}, and {size}.";
    let reject = ProductCommand::Reject { by: staff(BOB), reason: reason(text), policies: vec![] };
    for command in [approve_because(staff(BOB), text), reject] {
        given(of_alice(ProductStatus::Pending)).when(command).then_expect_error(left());
    }
    given(of_alice(ProductStatus::Pending))
        .when(approve_because(end_user(BOB), text))
        .then_expect_error(ProductError::NotFound);
}
