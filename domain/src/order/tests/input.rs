use serde_json::{Value, json};

use super::*;

fn id(number: u128) -> String {
    product(number).to_string()
}

type RequestedLine = Vec<(String, ProductId, i64)>;

/// What a body asks for, or what the outside is told is wrong with it.
fn asked(body: Value) -> Result<RequestedLine, Value> {
    crate::read::<PlaceOrder>(body)
        .and_then(|place| place.lines())
        .map_err(|errors| serde_json::to_value(errors).unwrap())
}

fn edited(body: Value) -> Result<Option<RequestedLine>, Value> {
    crate::read::<EditOrder>(body)
        .and_then(|edit| edit.lines())
        .map_err(|errors| serde_json::to_value(errors).unwrap())
}

#[test]
fn products_are_ordered_once_each() {
    let lines = asked(json!({ "products": [id(1), id(2)] })).unwrap();

    assert_eq!(
        lines,
        [("products.0".to_owned(), product(1), 1), ("products.1".to_owned(), product(2), 1)]
    );
}

#[test]
fn items_are_ordered_as_often_as_they_say() {
    let body = json!({ "items": [
        { "product": id(1), "quantity": 1 },
        { "product": id(2), "quantity": 1000 },
    ] });

    assert_eq!(
        asked(body).unwrap(),
        [("items.0".to_owned(), product(1), 1), ("items.1".to_owned(), product(2), 1000)]
    );
}

#[test]
fn a_product_that_the_body_names_twice_is_one_item_of_the_order() {
    let lines = asked(json!({ "products": [id(1), id(1), id(1)] })).unwrap();
    let with_offers = lines
        .into_iter()
        .map(|(field, product, quantity)| Line {
            field,
            product,
            quantity,
            offer: Some(lamp_offer()),
        })
        .collect();

    given(vec![])
        .when(place_as(end_user(ALICE), with_offers))
        .then_expect_events(vec![placed(vec![lamp_items(3)])]);
}

#[test]
fn either_products_or_items_are_sent() {
    let item = json!({ "product": id(1), "quantity": 1 });
    let both = json!({ "items": ["Send products or items, not both."] });
    let empty = json!({
        "products": ["1 to 100 products are expected."],
        "items": ["1 to 100 products are expected.", "Send products or items, not both."],
    });
    for (body, errors) in [
        (json!({ "products": [id(1)], "items": [item] }), both),
        (json!({ "products": [], "items": [] }), empty),
    ] {
        assert_eq!(asked(body.clone()).unwrap_err(), errors);
        assert_eq!(edited(body).unwrap_err(), errors);
    }
    assert_eq!(
        asked(json!({})).unwrap_err(),
        json!({ "products": ["This field is required, or items instead."] })
    );
    assert_eq!(edited(json!({})).unwrap(), None, "an edit may leave both out");
}

#[test]
fn one_to_a_hundred_products_are_ordered() {
    for field in ["products", "items"] {
        let body = |count: usize| {
            let entry = match field {
                "products" => json!(id(1)),
                _ => json!({ "product": id(1), "quantity": 1 }),
            };
            json!({ field: vec![entry; count] })
        };
        for count in [1, 100] {
            assert_eq!(asked(body(count)).unwrap().len(), count);
            assert_eq!(edited(body(count)).unwrap().unwrap().len(), count);
        }
        for count in [0, 101] {
            let errors = json!({ field: ["1 to 100 products are expected."] });
            assert_eq!(asked(body(count)).unwrap_err(), errors);
            assert_eq!(edited(body(count)).unwrap_err(), errors);
        }
    }
}

#[test]
fn a_quantity_is_a_whole_number_from_one_to_a_thousand() {
    for (quantity, message) in [
        (json!(0), "1 to 1000 is expected."),
        (json!(1001), "1 to 1000 is expected."),
        (json!(-1), "1 to 1000 is expected."),
        (json!(1.5), "Wrong type: a whole number is expected."),
        (json!("1"), "Wrong type: a whole number is expected."),
        (json!(true), "Wrong type: a whole number is expected."),
        (json!(null), "This field may not be null."),
    ] {
        let body = json!({ "items": [{ "product": id(1), "quantity": quantity }] });
        assert_eq!(wrong::<PlaceOrder>(body), json!({ "items.0.quantity": [message] }));
    }
    for quantity in [json!(u64::MAX), json!(i64::MIN)] {
        let body = json!({ "items": [{ "product": id(1), "quantity": quantity }] });
        assert!(wrong::<PlaceOrder>(body)["items.0.quantity"].is_array(), "{quantity}");
    }
}

#[test]
fn every_wrong_field_is_told_at_once_at_its_place() {
    for (body, errors) in [
        (
            json!({ "products": ["1", null, id(1)], "user": "me", "status": "SUCCESS" }),
            json!({
                "products.0": ["Not a valid id: a UUID is expected."],
                "products.1": ["This field may not be null."],
                "user": ["Unknown field: leave it out."],
                "status": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "items": [{}, { "product": 7, "quantity": 1001, "price": 0 }, "x"] }),
            json!({
                "items.0.product": ["This field is required."],
                "items.0.quantity": ["This field is required."],
                "items.1.product": ["Wrong type: a string is expected."],
                "items.1.quantity": ["1 to 1000 is expected."],
                "items.1.price": ["Unknown field: leave it out."],
                "items.2": ["Wrong type: an object is expected."],
            }),
        ),
        (
            json!({ "products": null, "items": "all" }),
            json!({
                "products": ["This field may not be null."],
                "items": ["Wrong type: a list is expected."],
            }),
        ),
    ] {
        assert_eq!(wrong::<PlaceOrder>(body.clone()), errors, "{body}");
    }
}

#[test]
fn an_edit_takes_a_status_by_its_name() {
    let choices = "Not a valid choice: one of PENDING, SUCCESS, CANCELLED is expected.";
    for (status, errors) in [
        (json!("CANCELLED"), json!({})),
        (json!("SUCCESS"), json!({})),
        (json!("cancelled"), json!({ "status": [choices] })),
        (json!(""), json!({ "status": [choices] })),
        (json!(null), json!({ "status": ["This field may not be null."] })),
        (json!(1), json!({ "status": ["Wrong type: a string is expected."] })),
    ] {
        assert_eq!(wrong::<EditOrder>(json!({ "status": status })), errors);
    }
}
