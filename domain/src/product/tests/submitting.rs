use super::*;

#[test]
fn end_users_staff_and_admins_submit_products() {
    for by in [end_user(ALICE), staff(ALICE), admin(ALICE)] {
        given(vec![]).when(submit_as(by)).then_expect_events(vec![submitted_by(ALICE)]);
    }
}

#[test]
fn auditors_the_program_and_nobody_submit_nothing() {
    for by in [auditor(ALICE), SYSTEM, Actor::Anonymous] {
        given(vec![]).when(submit_as(by)).then_expect_error(ProductError::Forbidden);
    }
}

#[test]
fn a_video_that_comes_along_is_its_own_event() {
    let by = end_user(ALICE);
    given(vec![])
        .when(ProductCommand::Submit { by, details: lamp(), video: Some(raw(1)) })
        .then_expect_events(vec![submitted_by(ALICE), uploaded(1)]);
}

#[test]
fn a_product_is_submitted_once() {
    for status in ProductStatus::ALL {
        given(of_alice(status)).when(submit_as(end_user(BOB))).then_expect_events(vec![]);
    }
}

#[test]
fn a_product_that_does_not_exist_does_nothing() {
    let by = admin(BOB);
    for events in [vec![], vec![submitted_by(ALICE), uploaded(1), deleted()]] {
        for command in [
            rename_as(by),
            approve_as(by),
            reject_as(by),
            cancel_as(by),
            resubmit_as(by),
            delete_as(by),
            ProductCommand::FinishVideo { video: shown(1) },
            ProductCommand::FailVideo { upload: upload(1), reason: "Not a video.".to_owned() },
        ] {
            given(events.clone()).when(command).then_expect_error(ProductError::NotFound);
        }
    }
}

#[test]
fn a_deleted_product_does_not_come_back() {
    given(vec![submitted_by(ALICE), deleted()])
        .when(submit_as(end_user(ALICE)))
        .then_expect_error(ProductError::NotFound);
}

#[test]
fn refusals_have_the_kinds_and_codes_of_the_contract() {
    use crate::{RefusalKind as Kind, Refuse as _};
    let reason = crate::FieldErrors::one("reason", "Reversing a decision needs a reason.");
    for (error, kind, code) in [
        (ProductError::NotFound, Kind::NotFound, "not_found"),
        (ProductError::Forbidden, Kind::Forbidden, "permission_denied"),
        (ProductError::OwnProduct, Kind::Forbidden, "own_product"),
        (ProductError::AlreadyDecided, Kind::Conflict, "already_decided"),
        (ProductError::NotReviewable, Kind::Conflict, "not_reviewable"),
        (ProductError::VideoNotReady, Kind::Conflict, "video_not_ready"),
        (ProductError::NotResubmittable, Kind::Conflict, "not_resubmittable"),
        (ProductError::ReasonRequired, Kind::Invalid(reason), "invalid_input"),
    ] {
        let refusal = error.refusal();
        assert_eq!((refusal.kind, refusal.code), (kind, code));
        assert_eq!(refusal.detail, error.to_string());
    }
}
