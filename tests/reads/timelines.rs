//! What timelines tell of how things began.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;

#[tokio::test]
async fn the_first_entry_of_a_product_tells_what_was_submitted() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, category } = &shop;
    let product = app.product(seller, category, "Reading lamp").await;
    let bare = shop.submit("Bare lamp", None).await;

    let timeline = shop.get(&format!("/products/{product}/moderation/"), staff).await;

    let begins = json!([
        {"field": "status", "from": null, "to": "PENDING"},
        {"field": "name", "from": null, "to": "Reading lamp"},
        {"field": "description", "from": null, "to": "As good as new."},
        {"field": "category", "from": null, "to": category},
        {"field": "price", "from": null, "to": {"amount": "12.50", "currency": "EUR"}},
    ]);
    assert_eq!(timeline[0]["changes"], begins);
    let history = shop.get("/products/history/", seller).await;
    assert_eq!(history["results"][1]["timeline"][0]["changes"], begins);
    let changes = &history["results"][0]["timeline"][0]["changes"];
    let fields: Vec<_> = changes.as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["status", "name", "description", "category"], "{bare} has no price");
    let replay = ["audit", "replay", "--product", &product];
    let told = app.run(&replay).await.expect(0).stdout;
    assert!(told.contains("name: nothing → Reading lamp"), "{told}");
    assert!(told.contains("price: nothing → 12.50 EUR"), "{told}");
}

#[tokio::test]
async fn the_first_entry_of_an_order_tells_what_was_ordered() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, category } = &shop;
    let product = app.approved_product(seller, staff, category).await;
    let buyer = app.user(Role::EndUser).await;
    let order = app.order(&buyer, &[&product]).await;
    let path = format!("/orders/{order}/");
    let more = json!({"items": [{"product": product, "quantity": 3}]});
    app.patch(&path).by(&buyer).json(more).send().await.expect(200);

    let history = shop.get(&format!("{path}history/"), &buyer).await;

    let items = |quantity: u32| {
        let price = json!({"amount": "12.50", "currency": "EUR"});
        json!([{"product": product, "name": "Lamp", "price": price, "quantity": quantity}])
    };
    let change =
        |field: &str, from: Value, to: Value| json!({"field": field, "from": from, "to": to});
    let begins = json!([
        change("status", json!(null), json!("PENDING")),
        change("items", json!(null), items(1))
    ]);
    assert_eq!(history[0]["changes"], begins);
    assert_eq!(history[1]["changes"], json!([change("items", items(1), items(3))]));
}
