use domain::order::OrderItem;
use domain::{Money, UserId};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::*;

fn lamp() -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(1))
}

fn order(quantity: i64) -> Order {
    let price = Some(Money::new(1250, "EUR".parse().unwrap()));
    Order {
        id: OrderId::from_uuid(Uuid::from_u128(7)),
        user: UserId::from_uuid(Uuid::from_u128(8)),
        products: vec![lamp()],
        items: vec![OrderItem {
            product: lamp(),
            name: domain::Text::try_new("Lamp").unwrap(),
            price,
            quantity,
        }],
        status: OrderStatus::Pending,
        total: None,
        version: 1,
        created_at: OffsetDateTime::UNIX_EPOCH,
        updated_at: OffsetDateTime::UNIX_EPOCH,
    }
}

fn as_get_gave(order: &Order) -> Map<String, Value> {
    let Ok(Value::Object(body)) = serde_json::to_value(order) else { panic!("an object") };
    body
}

fn edited(order: &Order, body: Map<String, Value>) -> Result<EditOrder, Problem> {
    prepared(Object(body), order).read()
}

#[test]
fn what_get_gave_changes_nothing_but_what_was_changed() {
    let order = order(3);
    let mut body = as_get_gave(&order);
    body.insert("status".to_owned(), json!("CANCELLED"));

    let edit = edited(&order, body).unwrap();

    assert_eq!(edit.status.0, Some(OrderStatus::Cancelled));
    assert!(edit.products.0.is_none());
    assert!(edit.items.0.is_none());
}

#[test]
fn a_changed_quantity_wins_over_the_products_that_were_not_changed() {
    let order = order(3);
    let mut body = as_get_gave(&order);
    body["items"][0]["quantity"] = json!(4);

    let edit = edited(&order, body).unwrap();

    assert!(edit.products.0.is_none());
    assert_eq!(edit.items.0.unwrap()[0].quantity.0, 4);
}

#[test]
fn one_of_each_is_a_change_where_there_were_three() {
    let order = order(3);
    let body = Map::from_iter([("products".to_owned(), json!([lamp()]))]);

    let edit = edited(&order, body).unwrap();

    assert_eq!(edit.products.0, Some(vec![lamp()]));
}

#[test]
fn a_copied_price_is_not_written() {
    let order = order(1);
    let mut body = as_get_gave(&order);
    body["items"][0]["price"] = json!({"amount": "0.01", "currency": "EUR"});

    let problem = edited(&order, body).unwrap_err();

    assert_eq!(problem.code(), "read_only");
    assert!(problem.errors().fields().any(|field| field == "items.0.price"));
}
