//! Orders.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;

async fn change(
    shop: &Shop,
    by: &crate::support::Person,
    order: &str,
    body: Value,
) -> (u16, String) {
    let answer = shop.app.patch(&format!("/orders/{order}/")).by(by).json(body).send().await;
    let answer = if answer.status == 200 {
        answer
    } else {
        let status = answer.status;
        answer.expect(status)
    };
    (answer.status, answer.code().to_owned())
}

#[tokio::test]
async fn rows_32_and_33_what_is_not_approved_cannot_be_ordered() {
    let shop = Shop::open().await;
    let (pending, rejected) = (shop.pending().await, shop.pending().await);
    shop.app.reject(&shop.staff, &rejected, "Too dark.").await.expect(200);

    for product in [pending, rejected] {
        let refused = shop.app.try_order(&shop.buyer, &[product]).await.expect(400);
        assert_eq!(refused.wrong(), ["products.0"]);
    }

    let orders = shop.app.get("/orders/").by(&shop.buyer).send().await.expect(200);
    assert!(orders.ids().is_empty());
}

#[tokio::test]
async fn rows_32_and_33_a_buyer_neither_fulfils_an_order_nor_calls_it_back() {
    let shop = Shop::open().await;
    let order = shop.app.order(&shop.buyer, &[shop.approved().await]).await;

    let (status, _) = change(&shop, &shop.buyer, &order, json!({ "status": "SUCCESS" })).await;
    assert_eq!(status, 403);
    let (status, _) = change(&shop, &shop.buyer, &order, json!({ "status": "CANCELLED" })).await;
    assert_eq!(status, 200);
    for status in ["PENDING", "SUCCESS"] {
        let refused = change(&shop, &shop.staff, &order, json!({ "status": status })).await;
        assert_eq!(refused, (409, "order_closed".to_owned()));
    }
    let refused = change(&shop, &shop.buyer, &order, json!({ "status": "PENDING" })).await;
    assert_eq!(refused, (409, "order_closed".to_owned()));
    shop.app.finish().await;
}

#[tokio::test]
async fn rows_34_to_36_a_fulfilled_order_stays_as_it_is() {
    let shop = Shop::open().await;
    let (product, other) = (shop.approved().await, shop.approved().await);
    let order = shop.app.order(&shop.buyer, &[product]).await;
    let done = change(&shop, &shop.staff, &order, json!({ "status": "SUCCESS" })).await;
    assert_eq!(done.0, 200);

    let refused = change(&shop, &shop.buyer, &order, json!({ "products": [other] })).await;
    assert_eq!(refused, (409, "order_closed".to_owned()));
    let refused = change(&shop, &shop.staff, &order, json!({ "status": "CANCELLED" })).await;
    assert_eq!(refused, (409, "order_closed".to_owned()));
    let path = format!("/orders/{order}/");
    let refused = shop.app.delete(&path).by(&shop.buyer).send().await.expect(409);
    assert_eq!(refused.code(), "order_closed");
}

#[tokio::test]
async fn rows_34_to_36_a_quantity_counts() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let body = json!({ "items": [{ "product": product, "quantity": 3 }] });

    let order = shop.app.post("/orders/").by(&shop.buyer).json(body).send().await.expect(201).json;

    assert_eq!(order["items"][0]["quantity"], 3);
    assert_eq!(order["total"], json!({ "amount": "37.50", "currency": "EUR" }));
}

#[tokio::test]
async fn rows_34_to_36_an_order_keeps_its_copy_of_what_is_deleted() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let order = shop.app.order(&shop.buyer, &[&product]).await;
    let order = format!("/orders/{order}/");
    let before = shop.app.get(&order).by(&shop.buyer).send().await.expect(200).json;
    let category = format!("/categories/{}/", shop.category);
    let full = shop.app.delete(&category).by(&shop.staff).send().await.expect(409);
    assert_eq!(full.code(), "category_not_empty");

    let gone = format!("/products/{product}/");
    shop.app.delete(&gone).by(&shop.seller).send().await.expect(204);
    shop.app.delete(&category).by(&shop.staff).send().await.expect(204);

    shop.app.get(&gone).by(&shop.buyer).send().await.expect(404);
    let after = shop.app.get(&order).by(&shop.buyer).send().await.expect(200).json;
    assert_eq!(after, before);
    assert_eq!(after["items"][0]["name"], "Lamp");
    shop.app.finish().await;
}

#[tokio::test]
async fn rows_38_and_39_bad_ids_in_an_order_leave_nothing_behind() {
    let shop = Shop::open().await;
    let good = shop.approved().await;
    let missing = "0190a1b2-0000-7000-8000-000000000000".to_owned();

    for bad in [missing, "16".to_owned(), "x".to_owned()] {
        let refused = shop.app.try_order(&shop.buyer, &[&good, &bad]).await.expect(400);
        assert_eq!(refused.wrong(), ["products.1"]);
    }
    let none: [&str; 0] = [];
    shop.app.try_order(&shop.buyer, &none).await.expect(400);

    let admin = shop.app.user(Role::Admin).await;
    let orders = shop.app.get("/orders/").by(&admin).send().await.expect(200);
    assert!(orders.ids().is_empty(), "{orders:?}");
}
