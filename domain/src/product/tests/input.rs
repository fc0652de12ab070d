use serde_json::json;

use super::*;

const ID: &str = "01920000-0000-7000-8000-000000000001";

#[test]
fn a_product_is_read_as_it_was_meant() {
    let body = json!({
        "name": "  Lamp\n",
        "category_id": ID,
        "price": { "amount": " 12.5 ", "currency": "eur" },
    });

    let read: SubmitProduct = crate::read(body).unwrap();

    assert_eq!(
        read,
        SubmitProduct {
            name: name("Lamp"),
            description: description(""),
            category_id: ID.parse().unwrap(),
            price: Some(money("12.50", "EUR")),
            upload_id: None,
        }
    );
}

#[test]
fn lengths_are_counted_in_characters_after_trimming() {
    let body = |name: String, description: String| {
        wrong::<SubmitProduct>(
            json!({ "name": name, "description": description, "category_id": ID }),
        )
    };

    assert_eq!(body(format!(" {} ", "💡".repeat(200)), "é".repeat(20_000)), json!({}));
    assert_eq!(
        body("💡".repeat(201), "é".repeat(20_001)),
        json!({
            "name": ["At most 200 characters are allowed."],
            "description": ["At most 20000 characters are allowed."],
        })
    );
}

#[test]
fn every_wrong_field_is_told_at_once() {
    for (body, errors) in [
        (
            json!({}),
            json!({
                "name": ["This field is required."],
                "category_id": ["This field is required."],
            }),
        ),
        (
            json!({ "name": null, "description": null, "category_id": null, "price": null }),
            json!({
                "name": ["This field may not be null."],
                "description": ["This field may not be null."],
                "category_id": ["This field may not be null."],
            }),
        ),
        (
            json!({ "name": 1, "description": [], "category_id": {}, "price": "12.50 EUR" }),
            json!({
                "name": ["Wrong type: a string is expected."],
                "description": ["Wrong type: a string is expected."],
                "category_id": ["Wrong type: a string is expected."],
                "price": ["Wrong type: an object is expected."],
            }),
        ),
        (
            json!({ "name": "\u{2003} \t", "description": "a\u{0}", "category_id": "1",
                    "status": "APPROVED", "uploaded_by": ID }),
            json!({
                "name": ["This field may not be blank."],
                "description": ["Null characters are not allowed."],
                "category_id": ["Not a valid id: a UUID is expected."],
                "status": ["Unknown field: leave it out."],
                "uploaded_by": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "name": "\u{0}", "category_id": ID,
                    "price": { "amount": 12.5, "currency": "EURO", "vat": 19 } }),
            json!({
                "name": ["Null characters are not allowed."],
                "price.amount": ["Wrong type: a string is expected."],
                "price.currency": ["Not a currency: an ISO 4217 code such as EUR is expected."],
                "price.vat": ["Unknown field: leave it out."],
            }),
        ),
        (
            json!({ "category_id": ID, "price": {} }),
            json!({
                "name": ["This field is required."],
                "price.amount": ["This field is required."],
                "price.currency": ["This field is required."],
            }),
        ),
        (json!("Lamp"), json!({ "body": ["Wrong type: an object is expected."] })),
        (json!(null), json!({ "body": ["This field may not be null."] })),
    ] {
        assert_eq!(wrong::<SubmitProduct>(body.clone()), errors, "{body}");
    }
}

#[test]
fn an_amount_fits_its_currency() {
    const NOT_AN_AMOUNT: &str = "Not an amount: a decimal number such as 12.50 is expected.";
    for (amount, currency, message) in [
        ("12.505", "EUR", "At most 2 decimals are allowed in this currency."),
        ("12.5", "JPY", "At most 0 decimals are allowed in this currency."),
        ("0.0001", "KWD", "At most 3 decimals are allowed in this currency."),
        ("-1", "EUR", NOT_AN_AMOUNT),
        ("+1", "EUR", NOT_AN_AMOUNT),
        ("1,50", "EUR", NOT_AN_AMOUNT),
        ("1e3", "EUR", NOT_AN_AMOUNT),
        ("٣", "EUR", NOT_AN_AMOUNT),
        ("1.5.0", "EUR", NOT_AN_AMOUNT),
        ("", "EUR", NOT_AN_AMOUNT),
        ("NaN", "EUR", NOT_AN_AMOUNT),
        ("10000000000.01", "EUR", "The amount is too large."),
        ("99999999999999999999", "EUR", "The amount is too large."),
    ] {
        let price = json!({ "amount": amount, "currency": currency });
        let errors = wrong::<EditProduct>(json!({ "price": price }));
        assert_eq!(errors, json!({ "price.amount": [message] }), "{amount} {currency}");
    }
}

#[test]
fn only_currencies_that_are_spent_are_taken() {
    const NOT_A_CURRENCY: &str = "Not a currency: an ISO 4217 code such as EUR is expected.";
    for currency in ["", "EU", "EURO", "ABC", "XXX", "XAU", "€", "XTS"] {
        let price = json!({ "amount": "1", "currency": currency });
        let errors = wrong::<EditProduct>(json!({ "price": price }));
        assert_eq!(errors, json!({ "price.currency": [NOT_A_CURRENCY] }), "{currency}");
    }
}

#[test]
fn an_edit_tells_left_out_from_null() {
    let nothing: EditProduct = crate::read(json!({})).unwrap();
    let without_price: EditProduct = crate::read(json!({ "price": null })).unwrap();

    assert_eq!(nothing.price, Patch::Keep);
    assert_eq!(without_price.price, Patch::Clear);
    assert_eq!(
        wrong::<EditProduct>(json!({ "name": null, "category_id": null, "x": 1 })),
        json!({
            "name": ["This field may not be null."],
            "category_id": ["This field may not be null."],
            "x": ["Unknown field: leave it out."],
        })
    );
}

#[test]
fn a_rejection_needs_a_reason_of_at_most_two_thousand_characters() {
    for (body, errors) in [
        (json!({ "reason": "é".repeat(2000) }), json!({})),
        (json!({}), json!({ "reason": ["This field is required."] })),
        (json!({ "reason": null }), json!({ "reason": ["This field may not be null."] })),
        (json!({ "reason": " " }), json!({ "reason": ["This field may not be blank."] })),
        (
            json!({ "reason": "é".repeat(2001) }),
            json!({ "reason": ["At most 2000 characters are allowed."] }),
        ),
        (json!({ "reason": "a\u{0}" }), json!({ "reason": ["Null characters are not allowed."] })),
    ] {
        assert_eq!(wrong::<RejectProduct>(body), errors);
    }
}

#[test]
fn an_approval_may_go_without_a_reason() {
    for (body, errors) in [
        (json!({}), json!({})),
        (json!({ "reason": null }), json!({})),
        (json!({ "reason": "Bright." }), json!({})),
        (json!({ "reason": "" }), json!({ "reason": ["This field may not be blank."] })),
        (json!({ "version": 3 }), json!({ "version": ["Unknown field: leave it out."] })),
    ] {
        assert_eq!(wrong::<ApproveProduct>(body), errors);
    }
}

#[test]
fn a_decision_names_up_to_ten_policies_once_each() {
    let ids: Vec<_> = (0..11).map(|number| uuid::Uuid::from_u128(number).to_string()).collect();
    for (policies, errors) in [
        (json!([]), json!({})),
        (json!(ids[..10]), json!({})),
        (json!(ids), json!({ "policies": ["At most 10 policies are allowed."] })),
        (
            json!([ids[0], ids[1], ids[0]]),
            json!({ "policies": ["A policy is named twice: name each once."] }),
        ),
        (json!(["x"]), json!({ "policies.0": ["Not a valid id: a UUID is expected."] })),
        (json!(null), json!({ "policies": ["This field may not be null."] })),
    ] {
        let body = json!({ "reason": "Too dim.", "policies": policies });
        assert_eq!(wrong::<RejectProduct>(body.clone()), errors);
        assert_eq!(wrong::<ApproveProduct>(body), errors);
    }
}
