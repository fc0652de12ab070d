//! GET, change one member, PUT.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;
use crate::refusal::refused;
use crate::support::{Person, video};

/// Every resource with its path and somebody who may change it.
async fn resources(shop: &Shop) -> Vec<(String, Person, &'static [&'static str])> {
    let listed = shop.approved().await;
    let filmed = shop.app.product_with(&shop.seller, &shop.category, video::mp4()).await;
    shop.app.processed(&shop.seller, &filmed).await;
    let order = {
        let items = json!([{"product": listed, "quantity": 3}]);
        let call = shop.app.post("/orders/").by(&shop.seller).json(json!({"items": items}));
        crate::support::id(&call.send().await.expect(201))
    };
    let admin = shop.app.user(Role::Admin).await;
    let user = shop.app.user(Role::EndUser).await;
    let policy = shop.app.policy(&admin, "Returns").await;
    vec![
        (format!("/policies/{policy}/"), admin.clone(), &["PUT", "PATCH"]),
        (format!("/categories/{}/", shop.category), shop.staff.clone(), &["PUT", "PATCH"]),
        (format!("/products/{listed}/"), shop.seller.clone(), &["PUT", "PATCH"]),
        (format!("/products/{filmed}/"), shop.seller.clone(), &["PUT", "PATCH"]),
        (format!("/orders/{order}/"), shop.seller.clone(), &["PUT", "PATCH"]),
        (format!("/users/{}/", user.id), admin, &["PATCH"]),
        ("/me/".to_owned(), shop.seller.clone(), &["PATCH"]),
    ]
}

// Row 21: what GET gave could not be sent back.
#[tokio::test]
async fn what_get_gave_can_be_sent_back_and_changes_nothing() {
    let shop = Shop::open().await;

    for (path, by, methods) in resources(&shop).await {
        for method in methods {
            let got = shop.get(&path, &by).await;
            let sent = shop.app.request(method, &path).by(&by).json(got.clone()).send().await;
            assert_eq!(sent.expect(200).json, got, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_read_only_member_that_was_changed_is_refused_by_name() {
    let shop = Shop::open().await;

    for (path, by, methods) in resources(&shop).await {
        let got = shop.get(&path, &by).await;
        let writable = [
            "name",
            "description",
            "category",
            "price",
            "products",
            "items",
            "title",
            "text",
            "severity",
            "parent",
            "dsa_category",
            "templates",
            "retired",
        ];
        let also = if path == "/me/" { "email" } else { "role is_active status" };
        let read_only = got.as_object().unwrap().keys().filter(|name| {
            let order = path.starts_with("/orders/");
            let settable = also.contains(name.as_str()) && (*name != "status" || order);
            !writable.contains(&name.as_str()) && !settable
        });
        for (member, method) in
            read_only.flat_map(|member| methods.iter().map(move |m| (member, m)))
        {
            let mut body = got.clone();
            body[member] = match &got[member] {
                Value::Number(number) => json!(number.as_i64().unwrap() + 1),
                _ => json!("something else"),
            };

            let answer = shop.app.request(method, &path).by(&by).json(body).send().await;

            let answer = refused(answer, 400, "read_only");
            assert_eq!(answer.wrong(), [member], "{method} {path}");
        }
        assert_eq!(shop.get(&path, &by).await, got);
    }
}

#[tokio::test]
async fn one_member_changes_and_the_others_stay() {
    let shop = Shop::open().await;
    let path = format!("/products/{}/", shop.product("Lamp").await);
    let mut product = shop.get(&path, &shop.seller).await;

    product["description"] = json!("Hardly used.");
    let put = shop.app.put(&path).by(&shop.seller).json(product.clone()).send().await.expect(200);

    assert_eq!(
        (&put.json["version"], &put.json["description"]),
        (&json!(2), &json!("Hardly used."))
    );
    for member in ["name", "price", "category", "status", "created_at", "uploaded_by"] {
        assert_eq!(put.json[member], product[member], "{member}");
    }
    let free = json!({"price": null});
    let patched = shop.app.patch(&path).by(&shop.seller).json(free).send().await.expect(200).json;
    assert!(patched["price"].is_null());
    assert_eq!(patched["description"], "Hardly used.");
}

#[tokio::test]
async fn a_put_without_what_is_required_is_refused_and_without_what_is_not_clears_it() {
    let shop = Shop::open().await;
    let path = format!("/products/{}/", shop.product("Lamp").await);
    let put = |body: Value| shop.app.put(&path).by(&shop.seller).json(body).send();

    let lacking = refused(put(json!({"description": "x"})).await, 400, "invalid_input");
    let whole =
        put(json!({"name": "Lantern", "category_id": shop.category})).await.expect(200).json;

    assert_eq!(lacking.wrong(), ["category_id", "name"]);
    assert_eq!((&whole["description"], &whole["price"]), (&json!(""), &Value::Null));
    assert_eq!(whole["name"], "Lantern");
}

// Row 21 again: `category` as GET gives it, or `category_id`.
#[tokio::test]
async fn a_category_is_named_by_its_id_or_as_get_gives_it() {
    let shop = Shop::open().await;
    let chairs = shop.app.category(&shop.staff, "Chairs").await;
    let body = shop.get(&format!("/products/{}/", shop.product("Lamp").await), &shop.seller).await;
    let category = body["category"].clone();

    let new = json!({"name": "Lamp", "category": category});
    let made = shop.app.post("/products/").by(&shop.seller).json(new).send().await.expect(201).json;
    let path = format!("/products/{}/", made["id"].as_str().unwrap());
    let moved = json!({"category_id": chairs});
    let moved = shop.app.patch(&path).by(&shop.seller).json(moved).send().await.expect(200).json;

    assert_eq!(made["category"], category);
    assert_eq!(moved["category"]["name"], "Chairs");
    let missing = json!({"category_id": uuid::Uuid::now_v7()});
    let answer = shop.app.patch(&path).by(&shop.seller).json(missing).send().await;
    assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["category_id"]);
}

// Row 31: the file of an approved product could be swapped.
#[tokio::test]
async fn another_video_puts_an_approved_product_back_to_review() {
    let shop = Shop::open().await;
    let product = shop.approved().await;
    let path = format!("/products/{product}/");
    let film = reqwest::multipart::Part::bytes(video::mp4()).file_name("film.mp4");
    let form = reqwest::multipart::Form::new().part("video", film);

    let changed = shop.app.patch(&path).by(&shop.seller).multipart(form).send().await.expect(200);

    assert_eq!(changed.json["status"], "PENDING");
    let ready = shop.app.processed(&shop.seller, &product).await;
    assert_eq!((&ready["processing_status"], &ready["name"]), (&json!("READY"), &json!("Lamp")));
}
