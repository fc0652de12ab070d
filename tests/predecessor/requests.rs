//! What is sent to the API.

use serde_json::{Value, json};

use super::Shop;

#[tokio::test]
async fn row_09_a_product_is_changed_as_json() {
    let shop = Shop::open().await;
    let path = format!("/products/{}/", shop.pending().await);
    let whole = json!({ "name": "Brighter lamp", "category_id": shop.category });

    let put = shop.app.put(&path).by(&shop.seller).json(whole).send().await.expect(200).json;
    assert_eq!((&put["name"], &put["price"]), (&json!("Brighter lamp"), &Value::Null));

    let price = json!({ "price": { "amount": "3.10", "currency": "EUR" } });
    let changed = shop.app.patch(&path).by(&shop.seller).json(price).send().await.expect(200).json;
    assert_eq!((&changed["name"], &changed["price"]["amount"]), (&put["name"], &json!("3.10")));
}

#[tokio::test]
async fn rows_11_and_12_json_that_is_no_object_or_holds_absurd_numbers_is_a_bad_request() {
    let shop = Shop::open().await;
    let absurd = r#"{"name": "Lamp", "category_id": 1e400}"#;
    let bodies = ["[]", r#""x""#, "null", "7", "", "{", "{\"name\": \"\\u0000\"}", absurd];

    for path in ["/products/", "/categories/", "/orders/", "/register/", "/login/"] {
        for body in bodies {
            let by = if path == "/categories/" { &shop.staff } else { &shop.seller };
            let call = shop.app.post(path).by(by);
            call.body(body.as_bytes().to_vec(), "application/json").send().await.expect(400);
        }
    }
    let order = br#"{"products": [1e400]}"#.to_vec();
    let call = shop.app.post("/orders/").by(&shop.buyer).body(order, "application/json");
    call.send().await.expect(400);
    for id in ["1e400", "16", "-1", "null", "%00"] {
        let path = format!("/products/{id}/");
        shop.app.get(&path).by(&shop.seller).send().await.expect(404);
    }
}

#[tokio::test]
async fn rows_40_and_41_a_name_is_neither_empty_nor_endless() {
    let shop = Shop::open().await;
    let submit = async |name: &str| {
        let body = json!({ "name": name, "category_id": shop.category });
        shop.app.post("/products/").by(&shop.seller).json(body).send().await
    };

    for name in ["", " ", &"x".repeat(300), &"x".repeat(201)] {
        let refused = submit(name).await.expect(400);
        assert_eq!(refused.wrong(), ["name"]);
    }

    submit(&"x".repeat(200)).await.expect(201);
    for name in ["", &"x".repeat(300)] {
        let body = json!({ "name": name });
        let call = shop.app.post("/categories/").by(&shop.staff).json(body);
        assert_eq!(call.send().await.expect(400).wrong(), ["name"]);
    }
}

#[tokio::test]
async fn row_42_a_video_is_not_taken_by_its_name() {
    let shop = Shop::open().await;
    let body = json!({
        "name": "Lamp", "category_id": shop.category, "video": "videos/secret.mp4",
    });

    let refused = shop.app.post("/products/").by(&shop.seller).json(body).send().await.expect(400);

    assert_eq!(refused.wrong(), ["video"]);
    let path = format!("/products/{}/", shop.pending().await);
    let body = json!({ "video": "videos/secret.mp4" });
    shop.app.patch(&path).by(&shop.seller).json(body).send().await.expect(400);
}

#[tokio::test]
async fn row_48_a_get_changes_nothing() {
    let shop = Shop::open().await;
    let product = shop.pending().await;

    for action in ["approve", "reject", "cancel", "resubmit"] {
        let path = format!("/products/{product}/{action}/");
        let refused = shop.app.get(&path).by(&shop.staff).send().await.expect(405);
        assert_eq!(refused.header("allow"), "POST,OPTIONS");
    }

    let seen = shop.app.see(&shop.staff, &product).await;
    assert_eq!((&seen["status"], &seen["version"]), (&json!("PENDING"), &json!(1)));
}
