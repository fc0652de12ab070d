use super::*;

fn renamed() -> ProductEvent {
    let name = Some(Change { from: name("Lamp"), to: name("Lantern") });
    ProductEvent::ProductEdited { changes: ProductChanges { name, ..ProductChanges::default() } }
}

fn edit(edit: EditProduct) -> ProductCommand {
    ProductCommand::Edit { by: end_user(ALICE), edit, video: None }
}

fn replace_video() -> ProductCommand {
    ProductCommand::Edit { by: end_user(ALICE), edit: EditProduct::default(), video: Some(raw(2)) }
}

#[test]
fn owners_and_admins_edit_products() {
    for by in MAY_EDIT {
        given(of_alice(ProductStatus::Pending))
            .when(rename_as(by))
            .then_expect_events(vec![renamed()]);
    }
}

#[test]
fn nobody_else_edits_products_and_strangers_do_not_learn_that_they_exist() {
    for status in [ProductStatus::Pending, ProductStatus::Rejected, ProductStatus::Cancelled] {
        for (by, error) in MAY_NOT_EDIT {
            given(of_alice(status)).when(rename_as(by)).then_expect_error(error);
        }
    }
}

#[test]
fn a_stranger_who_sees_the_product_is_told_that_they_may_not_edit_it() {
    for by in [end_user(BOB), staff(BOB), auditor(BOB)] {
        given(of_alice(ProductStatus::Approved))
            .when(rename_as(by))
            .then_expect_error(ProductError::Forbidden);
    }
}

#[test]
fn editing_a_judged_product_puts_it_back_to_review() {
    for was in [ProductStatus::Approved, ProductStatus::Rejected] {
        for by in MAY_EDIT {
            given(of_alice(was))
                .when(rename_as(by))
                .then_expect_events(vec![renamed(), ProductEvent::ProductReturnedToReview { was }]);
        }
    }
}

#[test]
fn everything_that_a_reviewer_judges_puts_it_back_to_review() {
    let was = ProductStatus::Approved;
    for command in [
        edit(EditProduct { name: Given(Some(name("Lantern"))), ..EditProduct::default() }),
        edit(EditProduct {
            description: Given(Some(description("Warm."))),
            ..EditProduct::default()
        }),
        edit(EditProduct { category_id: Given(Some(category(2))), ..EditProduct::default() }),
        edit(EditProduct { price: Patch::Set(money("12.51", "EUR")), ..EditProduct::default() }),
        edit(EditProduct { price: Patch::Set(money("12.50", "USD")), ..EditProduct::default() }),
        edit(EditProduct { price: Patch::Clear, ..EditProduct::default() }),
        replace_video(),
    ] {
        let events = given(of_alice(was)).when(command).inspect_result().unwrap();

        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[1], ProductEvent::ProductReturnedToReview { was });
    }
}

#[test]
fn editing_a_pending_or_cancelled_product_leaves_its_status() {
    for status in [ProductStatus::Pending, ProductStatus::Cancelled] {
        given(of_alice(status))
            .when(rename_as(end_user(ALICE)))
            .then_expect_events(vec![renamed()]);
    }
}

#[test]
fn an_edit_that_changes_nothing_is_no_event_and_leaves_the_decision() {
    let whole = EditProduct {
        name: Given(Some(name(" Lamp "))),
        description: Given(Some(description("Gives light."))),
        category_id: Given(Some(category(1))),
        price: Patch::Set(money("12.5", "eur")),
        ..EditProduct::default()
    };
    for status in ProductStatus::ALL {
        for edit in [EditProduct::default(), whole.clone()] {
            given(of_alice(status))
                .when(ProductCommand::Edit { by: end_user(ALICE), edit, video: None })
                .then_expect_events(vec![]);
        }
    }
}

#[test]
fn an_edit_of_everything_records_each_change_in_one_event_before_the_video() {
    let whole = SubmitProduct {
        name: name("Lantern"),
        description: description(""),
        category_id: category(2),
        price: None,
        upload_id: None,
    };

    given(of_alice(ProductStatus::Pending))
        .when(ProductCommand::Edit { by: end_user(ALICE), edit: whole.into(), video: Some(raw(1)) })
        .then_expect_events(vec![
            ProductEvent::ProductEdited {
                changes: ProductChanges {
                    name: Some(Change { from: name("Lamp"), to: name("Lantern") }),
                    description: Some(Change {
                        from: description("Gives light."),
                        to: description(""),
                    }),
                    category: Some(Change { from: category(1), to: category(2) }),
                    price: Some(Change { from: Some(money("12.50", "EUR")), to: None }),
                },
            },
            uploaded(1),
        ]);
}

#[test]
fn a_second_edit_starts_from_what_the_first_left() {
    given(vec![submitted_by(ALICE), renamed()])
        .when(edit(EditProduct { name: Given(Some(name("Lamp"))), ..EditProduct::default() }))
        .then_expect_events(vec![ProductEvent::ProductEdited {
            changes: ProductChanges {
                name: Some(Change { from: name("Lantern"), to: name("Lamp") }),
                ..ProductChanges::default()
            },
        }]);
}

#[test]
fn a_product_that_was_edited_after_its_approval_cannot_be_ordered() {
    let returned = ProductEvent::ProductReturnedToReview { was: ProductStatus::Approved };
    let mut product: Product = refolded(&of_alice(ProductStatus::Approved));
    assert_eq!(product.offer().unwrap().name, name("Lamp"));

    product = refolded(&[of_alice(ProductStatus::Approved), vec![renamed(), returned]].concat());

    assert_eq!(product.offer(), None);
}
