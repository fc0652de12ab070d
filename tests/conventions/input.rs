//! Bodies and queries that can't be taken, and what is told about them.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;
use crate::refusal::refused;
use crate::support::TestApp;

#[tokio::test]
async fn malformed_json_is_told_where_it_breaks() {
    let Shop { app, staff, .. } = Shop::open().await;
    let post = |body: &str| {
        app.post("/categories/").by(&staff).body(body.as_bytes().to_vec(), "application/json")
    };

    let answer = refused(post("{\"name\":\n}").send().await, 400, "malformed_json");

    assert!(answer.json["detail"].as_str().unwrap().contains("line 2"), "{}", answer.json);
    for body in ["{", "{'name': 1}", "nul", "{\"name\": \"a\",}", "{} {}", "{}\u{feff}"] {
        refused(post(body).send().await, 400, "malformed_json");
    }
}

#[tokio::test]
async fn json_beyond_what_is_read_is_not_called_invalid() {
    let Shop { app, staff, .. } = Shop::open().await;

    for (body, what) in [
        (format!("{}{}", "[".repeat(200), "]".repeat(200)), "nested more than 127 levels deep"),
        ("{\"name\": 1e999}".to_owned(), "number that is out of range"),
    ] {
        let post = app.post("/categories/").by(&staff).body(body.into_bytes(), "application/json");
        let answer = refused(post.send().await, 400, "malformed_json");
        let detail = answer.json["detail"].as_str().unwrap();
        assert!(detail.contains(what) && detail.contains("line 1"), "{detail}");
    }
}

// Rows 11 and 12: bodies that are JSON but no object gave a page of HTML.
#[tokio::test]
async fn json_that_is_no_object_is_invalid_input() {
    let Shop { app, staff, .. } = Shop::open().await;

    for body in [json!([]), json!("x"), json!(null), json!(7), json!(true)] {
        let answer = app.post("/categories/").by(&staff).json(body).send().await;
        let answer = refused(answer, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["body"]);
    }
}

#[tokio::test]
async fn every_wrong_field_is_told_at_once_and_unknown_ones_are_among_them() {
    let shop = Shop::open().await;
    let body = json!({
        "name": "x".repeat(201),
        "description": 7,
        "price": {"amount": "1.234", "currency": "EUR", "tax": "19"},
        "colour": "red",
    });

    let answer = shop.app.post("/products/").by(&shop.seller).json(body).send().await;

    let answer = refused(answer, 400, "invalid_input");
    let wrong = answer.wrong();
    for field in ["category_id", "colour", "description", "name"] {
        assert!(wrong.contains(&field), "{field} is not among {wrong:?}");
    }
    assert!(wrong.iter().any(|field| field.starts_with("price")), "{wrong:?}");
    let messages = answer.json["errors"].as_object().unwrap().values();
    for messages in messages.map(|messages| messages.as_array().unwrap()) {
        assert!(!messages.is_empty() && messages.iter().all(Value::is_string));
    }
}

#[tokio::test]
async fn nested_fields_are_named_with_dots() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let body = json!({"items": [
        {"product": product, "quantity": 1},
        {"product": "nonsense", "quantity": 0},
        {"product": product, "quantity": 1001, "note": "quick"},
    ]});

    let answer = shop.app.post("/orders/").by(&shop.seller).json(body).send().await;

    let answer = refused(answer, 400, "invalid_input");
    assert_eq!(
        answer.wrong(),
        ["items.1.product", "items.1.quantity", "items.2.note", "items.2.quantity"]
    );
}

// Rows 40 and 41: names of any length, a password of one character.
#[tokio::test]
async fn texts_have_their_limits_in_characters() {
    let Shop { app, staff, seller, category } = Shop::open().await;
    let named = |name: String| json!({"name": name, "category_id": category});
    let product = |name: String| app.post("/products/").by(&seller).json(named(name)).send();

    product("ü".repeat(200)).await.expect(201);
    for name in [String::new(), " \t ".to_owned(), "ü".repeat(201)] {
        let answer = refused(product(name).await, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["name"]);
    }
    let long = json!({"name": "x".repeat(101)});
    refused(app.post("/categories/").by(&staff).json(long).send().await, 400, "invalid_input");
    let weak = json!({"email": "a@example.com", "password": "1"});
    let answer = refused(app.post("/register/").json(weak).send().await, 400, "invalid_input");
    assert_eq!(answer.wrong(), ["password"]);
}

#[tokio::test]
async fn every_wrong_parameter_of_a_query_is_told_at_once() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let query = "status=LOST&category=x&uploaded_by=you&processing_status=?&ordering=colour\
        &limit=0&cursor=!&page=2&search=a";

    let answer = app.get(&format!("/products/?{query}")).by(&person).send().await;

    let answer = refused(answer, 400, "invalid_input");
    assert_eq!(
        answer.wrong(),
        [
            "category",
            "cursor",
            "limit",
            "ordering",
            "page",
            "processing_status",
            "search",
            "status",
            "uploaded_by",
        ]
    );
}

// Row 39: ids in an order that name nothing left an order behind.
#[tokio::test]
async fn an_order_of_what_cannot_be_ordered_leaves_nothing_behind() {
    let shop = Shop::open().await;
    let (approved, pending) = (shop.approved().await, shop.product("Lamp").await);
    let missing = uuid::Uuid::now_v7().to_string();
    let body = json!({"products": [approved, pending, missing]});

    let answer = shop.app.post("/orders/").by(&shop.seller).json(body).send().await;

    let answer = refused(answer, 400, "invalid_input");
    assert_eq!(answer.wrong(), ["products.1", "products.2"]);
    assert_eq!(shop.get("/orders/", &shop.staff).await["results"], json!([]));
}
