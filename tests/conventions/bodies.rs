//! Bodies: how they may come, and that everything wrong with one is told at once.

use reqwest::multipart::Form;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Shop;
use crate::refusal::refused;
use crate::support::{Answer, TestApp};

fn nothing() -> String {
    Uuid::now_v7().to_string()
}

#[track_caller]
fn assert_wrong(answer: Answer, fields: &[&str]) {
    assert_eq!(refused(answer, 400, "invalid_input").wrong(), fields);
}

#[tokio::test]
async fn references_to_what_does_not_exist_are_told_beside_every_other_wrong_field() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}/");
    let body =
        json!({"name": "", "category_id": nothing(), "upload_id": nothing(), "price": "12,50"});
    let as_get = json!({"name": "", "category": {"id": nothing(), "colour": "red"}, "price": 1});
    let form = || {
        let form = Form::new().text("colour", "red").text("name", "").text("price_amount", "x");
        let form = form.text("price_currency", "EUR").text("upload_id", nothing());
        form.text("category_id", nothing())
    };

    for (method, path) in [("POST", "/products/"), ("PUT", &*path), ("PATCH", &*path)] {
        let send = |body: &Value| {
            shop.app.request(method, path).by(&shop.seller).json(body.clone()).send()
        };
        assert_wrong(send(&body).await, &["category_id", "name", "price", "upload_id"]);
        let wrong = ["category.colour", "category_id", "name", "price"];
        assert_wrong(send(&as_get).await, &wrong);
        let by_form = shop.app.request(method, path).by(&shop.seller).multipart(form());
        let wrong = ["category_id", "colour", "name", "price_amount", "upload_id"];
        assert_wrong(by_form.send().await, &wrong);
    }
    let right = json!({"name": "Lamp", "category_id": nothing(), "upload_id": nothing()});
    let both = shop.app.post("/products/").by(&shop.seller).json(right).send().await;
    assert_wrong(both, &["category_id", "upload_id"]);
}

#[tokio::test]
async fn a_category_that_is_none_hides_nothing_else() {
    let shop = Shop::open().await;
    let body = json!({"name": "", "category": "x", "price": "12,50"});

    let answer = shop.app.post("/products/").by(&shop.seller).json(body).send().await;

    assert_wrong(answer, &["category", "category_id", "name", "price"]);
}

#[tokio::test]
async fn an_amount_is_judged_whatever_the_currency_is() {
    let shop = Shop::open().await;
    for (price, wrong) in [
        (json!({"amount": "12,50", "currency": "XXX"}), vec!["price.amount", "price.currency"]),
        (json!({"amount": "-1"}), vec!["price.amount", "price.currency"]),
        (json!({"amount": "", "currency": "EUR"}), vec!["price.amount"]),
        (json!({"amount": "1.234", "currency": "EUR"}), vec!["price.amount"]),
    ] {
        let body = json!({"name": "Lamp", "category_id": shop.category, "price": price});
        let answer = shop.app.post("/products/").by(&shop.seller).json(body).send().await;
        assert_wrong(answer, &wrong);
    }
}

#[tokio::test]
async fn products_that_cannot_be_ordered_are_told_beside_wrong_quantities_and_lists() {
    let shop = Shop::open().await;
    let lamp = shop.approved().await;
    let order = shop.app.order(&shop.seller, &[&lamp]).await;
    let path = format!("/orders/{order}/");
    let items = json!({"items": [
        {"product": nothing(), "quantity": 1},
        {"product": lamp, "quantity": 0},
        {"product": lamp, "quantity": 600},
        {"product": lamp, "quantity": 600},
    ]});
    let lists = json!({"products": [], "items": [{"product": nothing(), "quantity": "two"}]});

    for (method, path) in [("POST", "/orders/"), ("PUT", &*path), ("PATCH", &*path)] {
        let send = |body: &Value| {
            shop.app.request(method, path).by(&shop.seller).json(body.clone()).send()
        };
        assert_wrong(send(&items).await, &["items.0", "items.1.quantity", "items.3"]);
        let wrong = ["items", "items.0", "items.0.quantity", "products"];
        assert_wrong(send(&lists).await, &wrong);
    }
    let unchanged = shop.get(&path, &shop.seller).await;
    let mut settled = unchanged.clone();
    settled["status"] = json!("LOST");
    let answer = shop.app.put(&path).by(&shop.seller).json(settled).send().await;
    assert_wrong(answer, &["status"]);
    let missing = shop.app.put(&path).by(&shop.seller).json(json!({"colour": "red"})).send().await;
    assert_wrong(missing, &["colour", "products"]);
}

#[tokio::test]
async fn a_weak_password_is_told_beside_a_wrong_address_or_password() {
    let shop = Shop::open().await;
    let register = json!({"email": "foo", "password": "password"});
    let change = json!({"new_password": "password"});
    let wrong = json!({"current_password": "not this one", "new_password": "password"});
    let reset = json!({"uid": 7, "password": "password"});

    let register = shop.app.post("/register/").json(register).send().await;
    let change = shop.app.post("/password/change/").by(&shop.seller).json(change).send().await;
    let wrong = shop.app.post("/password/change/").by(&shop.seller).json(wrong).send().await;
    let reset = shop.app.post("/password/reset/confirm/").json(reset).send().await;

    assert_wrong(register, &["email", "password"]);
    assert_wrong(change, &["current_password", "new_password"]);
    assert_wrong(wrong, &["current_password", "new_password"]);
    assert_wrong(reset, &["password", "token", "uid"]);
}

#[tokio::test]
async fn a_text_of_a_form_that_is_too_long_hides_nothing_after_it() {
    let shop = Shop::open().await;
    let form = Form::new().text("name", "x".repeat(40_000)).text("colour", "red");

    let answer = shop.app.post("/products/").by(&shop.seller).multipart(form).send().await;

    assert_wrong(answer, &["category_id", "colour", "name"]);
}

#[tokio::test]
async fn no_body_at_all_is_told_what_is_required_and_is_enough_where_nothing_is() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}");
    let bare = |path: &str| shop.app.post(path).by(&shop.staff).send();

    assert_wrong(bare(&format!("{path}/reject/")).await, &["reason"]);
    assert_wrong(bare("/login/").await, &["email", "password"]);
    assert_wrong(bare("/categories/").await, &["name"]);
    let by_seller = |path: &str| shop.app.post(path).by(&shop.seller);
    assert_wrong(by_seller("/products/").send().await, &["category_id", "name"]);
    assert_wrong(by_seller("/orders/").send().await, &["products"]);
    for (body, kind) in [("", "application/json"), (" \n", "application/json"), ("", "text/plain")]
    {
        let call = shop.app.post("/login/").body(body.as_bytes().to_vec(), kind);
        assert_wrong(call.send().await, &["email", "password"]);
    }
    bare(&format!("{path}/approve/")).await.expect(200);
    shop.app.patch(&format!("{path}/")).by(&shop.seller).send().await.expect(200);
}

#[tokio::test]
async fn json_is_read_however_its_media_type_is_written() {
    let Shop { app, staff, .. } = Shop::open().await;

    for (number, kind) in [
        "application/json ; charset=utf-8",
        "application/json; charset=utf8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON; Charset=UTF-8",
        "application/json;",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"name": format!("Chairs {number}")}).to_string().into_bytes();
        app.post("/categories/").by(&staff).body(body, kind).send().await.expect(201);
    }
    let latin = app.post("/categories/").by(&staff);
    let latin = latin.body(b"{}".to_vec(), "application/json; charset=iso-8859-1").send().await;
    let latin = refused(latin, 415, "unsupported_media_type");
    let detail = latin.json["detail"].as_str().unwrap();
    assert!(detail.contains("UTF-8") && detail.contains("iso-8859-1"), "{detail}");
}

#[tokio::test]
async fn a_boundary_is_found_however_its_media_type_is_written() {
    let shop = Shop::open().await;
    let part = |name: &str, text: &str| {
        format!("--b c\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let form = part("name", "Lamp") + &part("category_id", &shop.category) + "--b c--\r\n";

    for kind in ["multipart/form-data ; boundary=\"b c\"", "Multipart/Form-Data;boundary=\"b c\";"]
    {
        let call = shop.app.post("/products/").by(&shop.seller);
        call.body(form.clone().into_bytes(), kind).send().await.expect(201);
    }
}

#[tokio::test]
async fn a_content_coding_is_refused_by_name_wherever_bodies_are_read() {
    let shop = Shop::open().await;
    let upload = format!("/uploads/{}/", nothing());
    let uploads = [
        ("POST", "/products/", "multipart/form-data; boundary=b"),
        ("POST", "/products/", "application/json"),
        ("POST", "/orders/", "application/json"),
        ("POST", "/login/", "application/json"),
        ("POST", "/uploads/", "application/offset+octet-stream"),
        ("PATCH", upload.as_str(), "application/offset+octet-stream"),
    ];

    for coding in ["gzip", "br", "identity, GZIP"] {
        for (method, path, kind) in uploads {
            let call = shop.app.request(method, path).by(&shop.seller);
            let call = call.body(b"\x1f\x8b\x08".to_vec(), kind).header("content-encoding", coding);
            let call = call.header("tus-resumable", "1.0.0").header("upload-offset", "0");

            let answer = call.header("upload-length", "100").send().await;

            let answer = refused(answer, 415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), "identity", "{path}");
            let detail = answer.json["detail"].as_str().unwrap();
            assert!(detail.contains("content coding"), "{path}: {detail}");
        }
    }
    let plain = shop.app.post("/categories/").by(&shop.staff).json(json!({"name": "Chairs"}));
    plain.header("content-encoding", "identity").send().await.expect(201);
}

#[tokio::test]
async fn a_byte_order_mark_before_json_says_nothing() {
    let app = TestApp::start().await;
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let post = |body: Vec<u8>| app.post("/login/").body(body, "application/json").send();

    assert_wrong(post(marked("{\"email\": \"a@example.com\"}")).await, &["password"]);
    assert_wrong(post(marked("")).await, &["email", "password"]);
    refused(post(marked("\u{feff}{}")).await, 400, "malformed_json");
}
