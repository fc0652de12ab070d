use super::*;

#[test]
fn owners_and_admins_withdraw_products_in_every_status() {
    for was in [ProductStatus::Pending, ProductStatus::Approved, ProductStatus::Rejected] {
        for by in MAY_EDIT {
            given(of_alice(was))
                .when(cancel_as(by))
                .then_expect_events(vec![ProductEvent::ProductCancelled { was }]);
        }
    }
}

#[test]
fn withdrawing_twice_is_no_event() {
    for by in MAY_EDIT {
        given(of_alice(ProductStatus::Cancelled)).when(cancel_as(by)).then_expect_events(vec![]);
    }
}

#[test]
fn owners_and_admins_resubmit_what_was_rejected_or_withdrawn() {
    for was in [ProductStatus::Rejected, ProductStatus::Cancelled] {
        for by in MAY_EDIT {
            given(of_alice(was))
                .when(resubmit_as(by))
                .then_expect_events(vec![ProductEvent::ProductResubmitted { was }]);
        }
    }
}

#[test]
fn resubmitting_what_waits_for_its_review_is_no_event() {
    for by in MAY_EDIT {
        given(of_alice(ProductStatus::Pending)).when(resubmit_as(by)).then_expect_events(vec![]);
    }
}

#[test]
fn an_approved_product_is_not_resubmitted() {
    for by in MAY_EDIT {
        given(of_alice(ProductStatus::Approved))
            .when(resubmit_as(by))
            .then_expect_error(ProductError::NotResubmittable);
    }
}

#[test]
fn owners_and_admins_delete_products_in_every_status() {
    for status in ProductStatus::ALL {
        for by in MAY_EDIT {
            given(of_alice(status)).when(delete_as(by)).then_expect_events(vec![deleted()]);
        }
    }
}

#[test]
fn a_deletion_names_the_category_that_the_product_was_in_at_last() {
    let moved = ProductEvent::ProductEdited {
        changes: ProductChanges {
            category: Some(Change { from: category(1), to: category(2) }),
            ..ProductChanges::default()
        },
    };
    given(vec![submitted_by(ALICE), moved])
        .when(delete_as(end_user(ALICE)))
        .then_expect_events(vec![ProductEvent::ProductDeleted { category: category(2) }]);
}

#[test]
fn nobody_else_withdraws_resubmits_or_deletes_and_strangers_do_not_learn_that_it_exists() {
    for status in [ProductStatus::Pending, ProductStatus::Rejected, ProductStatus::Cancelled] {
        for (by, error) in MAY_NOT_EDIT {
            for command in [cancel_as(by), resubmit_as(by), delete_as(by)] {
                given(of_alice(status)).when(command).then_expect_error(error.clone());
            }
        }
    }
}

#[test]
fn a_stranger_who_sees_the_product_is_told_that_it_is_not_theirs() {
    for by in [end_user(BOB), staff(BOB), auditor(BOB), auditor(ALICE), SYSTEM] {
        for command in [cancel_as(by), resubmit_as(by), delete_as(by)] {
            given(of_alice(ProductStatus::Approved))
                .when(command)
                .then_expect_error(ProductError::Forbidden);
        }
    }
}

#[test]
fn a_resubmitted_product_waits_for_its_review() {
    let resubmitted = ProductEvent::ProductResubmitted { was: ProductStatus::Cancelled };
    let events = [of_alice(ProductStatus::Cancelled), vec![resubmitted]].concat();

    let product: Product = refolded(&events);

    assert_eq!(product.listing().unwrap().status, ProductStatus::Pending);
}

#[test]
fn only_an_approved_product_with_a_video_that_plays_can_be_ordered() {
    let video = |last: ProductEvent| vec![submitted_by(ALICE), uploaded(1), last];
    for (events, offered) in [
        (vec![], false),
        (of_alice(ProductStatus::Pending), false),
        (of_alice(ProductStatus::Approved), true),
        (of_alice(ProductStatus::Rejected), false),
        (of_alice(ProductStatus::Cancelled), false),
        ([of_alice(ProductStatus::Approved), vec![deleted()]].concat(), false),
        ([of_alice(ProductStatus::Approved), vec![uploaded(1)]].concat(), false),
        ([video(finalized(1)), vec![approved_by(BOB, 3)]].concat(), true),
        ([video(failed(1)), vec![approved_by(BOB, 3)]].concat(), false),
    ] {
        let product: Product = refolded(&events);

        let expected = Offer { name: name("Lamp"), price: Some(money("12.50", "EUR")) };
        assert_eq!(product.offer(), offered.then_some(expected), "{events:?}");
    }
}

#[test]
fn what_is_not_listed_is_seen_by_its_owner_and_by_staff_only() {
    let sees = |status, actor| {
        let product: Product = refolded(&of_alice(status));
        product.listing().unwrap().is_visible_to(actor)
    };
    for status in ProductStatus::ALL {
        let listed = status == ProductStatus::Approved;
        for actor in [end_user(ALICE), staff(BOB), admin(BOB), auditor(BOB), SYSTEM] {
            assert!(sees(status, actor), "{status:?} {actor:?}");
        }
        assert_eq!(sees(status, end_user(BOB)), listed, "{status:?}");
        assert!(!sees(status, Actor::Anonymous), "{status:?}");
    }
}
