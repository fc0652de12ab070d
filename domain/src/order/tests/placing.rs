use super::*;

#[test]
fn end_users_place_orders() {
    given(vec![])
        .when(place_as(end_user(ALICE), vec![lamps(0, 2), chairs(1, 1)]))
        .then_expect_events(vec![placed(vec![lamp_items(2), chair_items(1)])]);
}

#[test]
fn nobody_else_places_orders() {
    for by in [staff(ALICE), admin(ALICE), auditor(ALICE), SYSTEM, Actor::Anonymous] {
        given(vec![])
            .when(place_as(by, vec![lamps(0, 1)]))
            .then_expect_error(OrderError::Forbidden);
    }
}

#[test]
fn every_product_that_cannot_be_ordered_is_told_at_its_place() {
    let mut errors = FieldErrors::default();
    errors.add("items.1", "There is no such product that can be ordered.");
    errors.add("items.2", "There is no such product that can be ordered.");

    given(vec![])
        .when(place_as(
            end_user(ALICE),
            vec![lamps(0, 1), line(1, 7, 1, None), line(2, 8, 1, None)],
        ))
        .then_expect_error(OrderError::Invalid(errors));
}

#[test]
fn a_product_that_is_named_twice_is_one_item() {
    given(vec![])
        .when(place_as(end_user(ALICE), vec![lamps(0, 2), chairs(1, 1), lamps(2, 998)]))
        .then_expect_events(vec![placed(vec![lamp_items(1000), chair_items(1)])]);
}

#[test]
fn a_product_that_is_named_twice_is_still_ordered_a_thousand_times_at_most() {
    let error = FieldErrors::one("items.1", "At most 1000 of one product can be ordered.");

    given(vec![])
        .when(place_as(end_user(ALICE), vec![lamps(0, 1000), lamps(1, 1)]))
        .then_expect_error(OrderError::Invalid(error));
}

#[test]
fn priced_products_of_one_order_share_one_currency() {
    let dollars = Offer { name: name("Desk"), price: Some(money("99", "USD")) };

    given(vec![])
        .when(place_as(end_user(ALICE), vec![lamps(0, 1), line(1, 3, 1, Some(dollars))]))
        .then_expect_error(OrderError::MixedCurrencies);
}

#[test]
fn products_without_a_price_go_with_any_currency() {
    let free = Offer { name: name("Leaflet"), price: None };
    let leaflet =
        OrderItem { product: product(3), name: name("Leaflet"), price: None, quantity: 1 };

    given(vec![])
        .when(place_as(end_user(ALICE), vec![line(0, 3, 1, Some(free)), lamps(1, 1)]))
        .then_expect_events(vec![placed(vec![leaflet, lamp_items(1)])]);
}

#[test]
fn an_order_is_placed_once() {
    for status in OrderStatus::ALL {
        given(of_alice(status))
            .when(place_as(end_user(BOB), vec![chairs(0, 1)]))
            .then_expect_events(vec![]);
    }
}

#[test]
fn an_order_that_does_not_exist_does_nothing() {
    let mut gone = of_alice(OrderStatus::Pending);
    gone.push(OrderEvent::OrderDeleted);
    for events in [vec![], gone.clone()] {
        for by in [end_user(ALICE), admin(BOB)] {
            for command in [
                order_as(by, vec![chairs(0, 1)]),
                settle_as(by, OrderStatus::Cancelled),
                delete_as(by),
            ] {
                given(events.clone()).when(command).then_expect_error(OrderError::NotFound);
            }
        }
    }
    given(gone)
        .when(place_as(end_user(ALICE), vec![lamps(0, 1)]))
        .then_expect_error(OrderError::NotFound);
}

#[test]
fn the_total_is_the_sum_of_what_has_a_price() {
    let leaflet =
        OrderItem { product: product(3), name: name("Leaflet"), price: None, quantity: 9 };
    for (items, sum) in [
        (vec![], None),
        (vec![leaflet.clone()], None),
        (vec![lamp_items(3)], Some(money("37.50", "EUR"))),
        (vec![lamp_items(1), leaflet, chair_items(1000)], Some(money("40012.50", "EUR"))),
    ] {
        assert_eq!(total(&items), sum);
    }
}

#[test]
fn the_largest_order_has_an_exact_total() {
    let price = Some(money("10000000000.00", "EUR"));
    let items = (0..100)
        .map(|number| OrderItem {
            product: product(number),
            name: name("Palace"),
            price,
            quantity: 1000,
        })
        .collect::<Vec<_>>();

    assert_eq!(total(&items).unwrap().amount(), "1000000000000000.00");
}

#[test]
fn refusals_have_the_kinds_and_codes_of_the_contract() {
    use crate::{RefusalKind as Kind, Refuse as _};
    let errors = FieldErrors::one("items.0", "There is no such product that can be ordered.");
    for (error, kind, code) in [
        (OrderError::NotFound, Kind::NotFound, "not_found"),
        (OrderError::Forbidden, Kind::Forbidden, "permission_denied"),
        (OrderError::Closed, Kind::Conflict, "order_closed"),
        (OrderError::MixedCurrencies, Kind::Invalid(FieldErrors::default()), "mixed_currencies"),
        (OrderError::Invalid(errors.clone()), Kind::Invalid(errors), "invalid_input"),
    ] {
        assert_eq!(error.kind(), (kind, code));
    }
}
