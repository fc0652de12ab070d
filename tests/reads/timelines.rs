//! What timelines tell of how things began, and their pages.

use domain::Role;
use serde_json::{Value, json};

use super::{Shop, each};
use crate::refusal::refused;
use crate::support::{Person, TestApp};

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
    assert_eq!(timeline["results"][0]["changes"], begins);
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
    assert_eq!(history["results"][0]["changes"], begins);
    assert_eq!(history["results"][1]["changes"], json!([change("items", items(1), items(3))]));
}

/// Every page from a path on, by the links `next`.
async fn pages(app: &TestApp, path: &str, by: &Person) -> Vec<Value> {
    let mut pages = vec![app.get(path).by(by).send().await.expect(200).json];
    while let Some(next) = pages.last().and_then(|page| page["next"].as_str()) {
        pages.push(app.get(next).by(by).send().await.expect(200).json);
    }
    pages
}

fn sequences(page: &Value) -> Vec<i64> {
    let entries = page["results"].as_array().unwrap();
    entries.iter().map(|entry| entry["sequence"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_timeline_has_pages_like_every_list_oldest_first() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, category } = &shop;
    let product = app.approved_product(seller, staff, category).await;
    let order = app.order(seller, &[&product]).await;
    let (product, order) = (format!("/products/{product}/"), format!("/orders/{order}/"));
    for number in 0..43 {
        let name = json!({"name": format!("Lamp {number}")});
        app.patch(&product).by(seller).json(name).send().await.expect(200);
        let items = json!({"items": [{"product": product[10..46], "quantity": 2 + number}]});
        app.patch(&order).by(seller).json(items).send().await.expect(200);
    }

    for (path, last) in [(format!("{product}moderation/"), 46), (format!("{order}history/"), 44)] {
        let by_twenty = pages(app, &path, seller).await;
        let by_seven = pages(app, &format!("{path}?limit=7"), seller).await;

        let sizes: Vec<_> = by_twenty.iter().map(|page| each(page, "type").len()).collect();
        assert_eq!(sizes[..2], [20, 20], "{path}");
        for pages in [&by_twenty, &by_seven] {
            let seen: Vec<_> = pages.iter().flat_map(sequences).collect();
            assert_eq!(seen, (1..=last).collect::<Vec<_>>(), "{path}");
            assert!(pages[0]["previous"].is_null());
            let back = pages[2]["previous"].as_str().unwrap();
            assert_eq!(shop.get(back, seller).await["results"], pages[1]["results"], "{path}");
        }
        let whole = shop.get(&format!("{path}?limit=100"), staff).await;
        let pieces = by_seven.iter().flat_map(|page| page["results"].as_array().unwrap());
        assert_eq!(
            whole["results"].as_array().unwrap().iter().collect::<Vec<_>>(),
            pieces.collect::<Vec<_>>()
        );
        for (query, wrong) in [("limit=101", "limit"), ("cursor=x", "cursor"), ("page=2", "page")] {
            let answer = app.get(&format!("{path}?{query}")).by(seller).send().await;
            assert_eq!(refused(answer, 400, "invalid_input").wrong(), [wrong], "{path}");
        }
    }
}

#[tokio::test]
async fn pages_of_a_timeline_are_for_those_who_may_see_it_whatever_their_cursor() {
    let shop = Shop::open().await;
    let Shop { app, seller, .. } = &shop;
    let product = shop.approved().await;
    let hidden = shop.product("Lamp").await;
    let stranger = app.user(Role::EndUser).await;
    let path = |product: &str| format!("/products/{product}/moderation/");
    let first = shop.get(&format!("{}?limit=1", path(&product)), seller).await;
    let (_, cursor) = first["next"].as_str().unwrap().split_once('?').unwrap();

    let asked = async |product: &str, by: &Person| {
        app.get(&format!("{}?{cursor}", path(product))).by(by).send().await
    };

    refused(asked(&product, &stranger).await, 403, "permission_denied");
    refused(asked(&hidden, &stranger).await, 404, "not_found");
    let missing = uuid::Uuid::now_v7().to_string();
    for by in [seller, &shop.staff] {
        refused(asked(&missing, by).await, 404, "not_found");
        assert_eq!(sequences(&asked(&product, by).await.expect(200).json), [2]);
    }
}

#[tokio::test]
async fn the_list_of_ones_uploads_shows_the_newest_hundred_entries_of_each_timeline() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}/");
    for number in 0..104 {
        let name = json!({"name": format!("Lamp {number}")});
        shop.app.patch(&path).by(&shop.seller).json(name).send().await.expect(200);
    }
    let other = shop.product("Chair").await;

    let history = shop.get("/products/history/", &shop.seller).await;

    assert_eq!(each(&history, "id"), [&other, &product]);
    let sequences = |index: usize| {
        let timeline = history["results"][index]["timeline"].as_array().unwrap();
        timeline.iter().map(|entry| entry["sequence"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sequences(0), [1]);
    assert_eq!(sequences(1), (6..=105).collect::<Vec<_>>());
}
