use super::*;

const CLOSED: [OrderStatus; 2] = [OrderStatus::Success, OrderStatus::Cancelled];

#[test]
fn a_buyer_changes_what_is_ordered_while_the_order_is_open() {
    given(of_alice(OrderStatus::Pending))
        .when(order_as(end_user(ALICE), vec![lamps(0, 2), chairs(1, 1)]))
        .then_expect_events(vec![changed(
            vec![lamp_items(1)],
            vec![lamp_items(2), chair_items(1)],
        )]);
}

#[test]
fn what_is_ordered_stays_once_the_order_is_closed() {
    for status in CLOSED {
        for lines in [vec![chairs(0, 1)], vec![lamps(0, 2)], vec![line(0, 7, 1, None)]] {
            given(of_alice(status))
                .when(order_as(end_user(ALICE), lines))
                .then_expect_error(OrderError::Closed);
        }
    }
}

#[test]
fn what_is_ordered_already_is_no_event_even_once_the_order_is_closed() {
    for status in OrderStatus::ALL {
        given(of_alice(status))
            .when(order_as(end_user(ALICE), vec![lamps(0, 1)]))
            .then_expect_events(vec![]);
    }
}

#[test]
fn an_edit_of_nothing_is_no_event() {
    for by in [end_user(ALICE), staff(BOB), admin(BOB)] {
        for status in OrderStatus::ALL {
            given(of_alice(status))
                .when(OrderCommand::Edit { by, lines: None, status: None })
                .then_expect_events(vec![]);
        }
    }
}

#[test]
fn nobody_but_its_buyer_changes_what_is_ordered() {
    for (by, error) in [
        (end_user(BOB), OrderError::NotFound),
        (Actor::Anonymous, OrderError::NotFound),
        (staff(BOB), OrderError::Forbidden),
        (admin(BOB), OrderError::Forbidden),
        (auditor(BOB), OrderError::Forbidden),
        (SYSTEM, OrderError::Forbidden),
    ] {
        for status in OrderStatus::ALL {
            given(of_alice(status))
                .when(order_as(by, vec![chairs(0, 1)]))
                .then_expect_error(error.clone());
        }
    }
}

#[test]
fn a_buyer_who_no_longer_buys_does_not_change_what_is_ordered() {
    for by in [staff(ALICE), admin(ALICE), auditor(ALICE)] {
        given(of_alice(OrderStatus::Pending))
            .when(order_as(by, vec![chairs(0, 1)]))
            .then_expect_error(OrderError::Forbidden);
    }
}

#[test]
fn staff_may_send_back_what_is_ordered_when_they_settle_an_order() {
    for by in [staff(BOB), admin(BOB)] {
        given(of_alice(OrderStatus::Pending))
            .when(OrderCommand::Edit {
                by,
                lines: Some(vec![line(0, 1, 1, None)]),
                status: Some(OrderStatus::Success),
            })
            .then_expect_events(vec![OrderEvent::OrderFulfilled]);
    }
}

#[test]
fn a_product_that_was_ordered_keeps_the_name_and_price_of_that_moment() {
    let dearer = Offer { name: name("Designer lamp"), price: Some(money("99", "EUR")) };
    for offer in [Some(dearer), None] {
        given(of_alice(OrderStatus::Pending))
            .when(order_as(end_user(ALICE), vec![line(0, 1, 5, offer)]))
            .then_expect_events(vec![changed(vec![lamp_items(1)], vec![lamp_items(5)])]);
    }
}

#[test]
fn a_product_that_left_the_order_comes_back_at_its_present_price() {
    let cheaper = Offer { name: name("Lamp"), price: Some(money("9", "EUR")) };
    let cheaper_item = OrderItem { price: cheaper.price, ..lamp_items(1) };
    let left = changed(vec![lamp_items(1)], vec![chair_items(1)]);

    given(vec![placed(vec![lamp_items(1)]), left])
        .when(order_as(end_user(ALICE), vec![line(0, 1, 1, Some(cheaper))]))
        .then_expect_events(vec![changed(vec![chair_items(1)], vec![cheaper_item])]);
}

#[test]
fn what_an_edit_adds_must_be_orderable_in_one_currency() {
    let error = FieldErrors::one("items.1", "There is no such product that can be ordered.");
    let dollars = Offer { name: name("Desk"), price: Some(money("99", "USD")) };
    for (lines, error) in [
        (vec![lamps(0, 1), line(1, 7, 1, None)], OrderError::Invalid(error)),
        (vec![lamps(0, 1), line(1, 3, 1, Some(dollars))], OrderError::MixedCurrencies),
    ] {
        given(of_alice(OrderStatus::Pending))
            .when(order_as(end_user(ALICE), lines))
            .then_expect_error(error);
    }
}

#[test]
fn what_is_ordered_changes_before_the_order_is_called_off() {
    given(of_alice(OrderStatus::Pending))
        .when(OrderCommand::Edit {
            by: end_user(ALICE),
            lines: Some(vec![lamps(0, 2)]),
            status: Some(OrderStatus::Cancelled),
        })
        .then_expect_events(vec![
            changed(vec![lamp_items(1)], vec![lamp_items(2)]),
            OrderEvent::OrderCancelled,
        ]);
}
