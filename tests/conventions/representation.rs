//! How resources are written.

use domain::Role;
use serde_json::Value;
use uuid::Uuid;

use super::{Shop, each};
use crate::support::rule;

/// `2026-11-24T09:00:00.123456Z`.
#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    let shape: String =
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text}");
}

#[track_caller]
fn assert_id(value: &Value) {
    let text = value.as_str().unwrap();
    let id = Uuid::parse_str(text).unwrap();
    assert_eq!((id.get_version_num(), id.to_string()), (7, text.to_owned()));
}

#[tokio::test]
async fn times_are_in_utc_to_the_microsecond_and_ids_sort_by_time() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let order = shop.app.order(&shop.seller, &[&product]).await;

    let product = shop.get(&format!("/products/{product}/"), &shop.seller).await;
    let order = shop.get(&format!("/orders/{order}/"), &shop.seller).await;
    let category = shop.get(&format!("/categories/{}/", shop.category), &shop.seller).await;
    let me = shop.get("/me/", &shop.seller).await;

    for resource in [&product, &order, &category] {
        assert_id(&resource["id"]);
        assert_time(&resource["created_at"]);
        assert_time(&resource["updated_at"]);
        assert!(resource["version"].is_i64(), "{resource}");
    }
    assert_id(&me["id"]);
    assert_time(&me["date_joined"]);
    assert_id(&product["uploaded_by"]);
    assert_id(&product["category"]["id"]);
    assert_id(&order["products"][0]);
    let history = shop.get("/products/history/", &shop.seller).await;
    assert_time(&history["results"][0]["timeline"][0]["at"]);
}

#[tokio::test]
async fn what_was_made_is_found_where_the_answer_says() {
    let shop = Shop::open().await;
    let (approved, admin) = (shop.approved().await, shop.app.user(Role::Admin).await);
    let made = [
        ("/categories/", &shop.staff, serde_json::json!({"name": "Chairs"})),
        (
            "/products/",
            &shop.seller,
            serde_json::json!({"name": "Chair", "category_id": shop.category}),
        ),
        ("/policies/", &admin, rule()),
        ("/orders/", &shop.seller, serde_json::json!({"products": [approved]})),
    ];

    for (path, by, body) in made {
        let answer = shop.app.post(path).by(by).json(body).send().await.expect(201);
        assert_eq!(answer.header("content-type"), "application/json");
        let found = shop.app.get(answer.header("location")).by(by).send().await.expect(200);
        assert_eq!((found.etag(), &found.json), (answer.etag(), &answer.json));
    }
}

#[tokio::test]
async fn every_read_after_a_command_sees_it() {
    let shop = Shop::open().await;

    for round in 0..20 {
        let product = shop.product(&format!("Lamp {round}")).await;

        let path = format!("/products/{product}/");
        assert_eq!(shop.get(&path, &shop.seller).await["version"], 1);
        let list = shop.get("/products/?limit=1", &shop.seller).await;
        assert_eq!(each(&list, "id"), [&product]);
        let history = shop.get("/products/history/?limit=1", &shop.seller).await;
        assert_eq!(history["results"][0]["timeline"].as_array().unwrap().len(), 1);
        shop.app.approve(&shop.staff, &product).await.expect(200);
        assert_eq!(shop.get(&path, &shop.seller).await["status"], "APPROVED");
        let timeline = shop.get(&format!("{path}moderation/"), &shop.seller).await;
        assert_eq!(timeline["results"][1]["type"], "ProductApproved");
        let order = shop.app.order(&shop.seller, &[&product]).await;
        let orders = shop.get(&format!("/orders/?product={product}"), &shop.seller).await;
        assert_eq!(each(&orders, "id"), [&order]);
    }
    let path = format!("/categories/{}/", shop.category);
    for reader in [&shop.seller, &shop.staff] {
        assert_eq!(shop.get(&path, reader).await["product_count"], 20);
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn head_tells_what_get_would_without_the_body() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let one = format!("/products/{product}/");

    for path in [
        "/products/",
        &one,
        "/categories/",
        "/policies/",
        "/orders/",
        "/me/",
        "/healthz",
        "/openapi.json",
    ] {
        let got = shop.app.get(path).by(&shop.seller).send().await.expect(200);
        let head = shop.app.request("HEAD", path).by(&shop.seller).send().await;
        assert_eq!((head.status, head.bytes.len()), (200, 0), "{path}");
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), got.header(name), "{name} of {path}");
        }
    }
    let missing = shop.app.request("HEAD", "/nowhere/").send().await;
    assert_eq!((missing.status, missing.bytes.len()), (404, 0));
}

// Row 24: a path without its slash was a 500.
#[tokio::test]
async fn the_slash_at_the_end_is_optional() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;

    for path in ["/products".to_owned(), format!("/products/{product}"), "/me".to_owned()] {
        let without = shop.get(&path, &shop.seller).await;
        let with = shop.get(&format!("{path}/"), &shop.seller).await;
        assert_eq!(without, with);
    }
    let one = shop.get("/products?limit=1", &shop.seller).await;
    assert_eq!(each(&one, "id"), [&product]);
    let approve = format!("/products/{product}/approve");
    shop.app.post(&approve).by(&shop.staff).json(serde_json::json!({})).send().await.expect(200);
    shop.app.delete(&format!("/products/{product}")).by(&shop.seller).send().await.expect(204);
}
