//! Bodies, queries and paths with values that are none.

use domain::Role;
use serde_json::{Value, json};

use super::events;
use crate::refusal::{assert_problem, refused};
use crate::support::{TestApp, link_in, rule};

/// Every JSON body with one text that may be anything.
fn texts(category: &str) -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let password = "three green lamps";
    let product = json!({"name": "Lamp", "description": "", "category_id": category});
    let category = json!({"name": "Chairs", "description": ""});
    let mut policy = rule();
    policy["dsa_category"] = json!("SCAMS_AND_FRAUD");
    vec![
        ("POST", "/policies/", "title", policy.clone()),
        ("POST", "/policies/", "code", policy.clone()),
        ("POST", "/policies/", "text", policy.clone()),
        ("POST", "/policies/", "dsa_category", policy),
        ("POST", "/categories/", "name", category.clone()),
        ("POST", "/categories/", "description", category),
        ("POST", "/products/", "name", product.clone()),
        ("POST", "/products/", "description", product.clone()),
        ("POST", "/products/", "category_id", product),
        ("POST", "/register/", "email", json!({"email": "a@example.com", "password": password})),
        ("POST", "/activate/resend/", "email", json!({"email": "a@example.com"})),
        ("POST", "/password/reset/", "email", json!({"email": "a@example.com"})),
    ]
}

#[tokio::test]
async fn a_null_character_is_refused_in_every_text() {
    let app = TestApp::start().await;
    let (staff, admin) = (app.user(Role::Staff).await, app.user(Role::Admin).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&app.user(Role::EndUser).await, &category, "Lamp").await;
    let before = events(&app.pool()).await;

    for (method, path, field, body) in texts(&category) {
        let mut body = body;
        body[field] = json!(format!("a\0{}", body[field].as_str().unwrap()));
        let answer = app.request(method, path).by(&admin).json(body).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), [field], "{path}");
    }
    let reject = format!("/products/{product}/reject/");
    let reason = app.post(&reject).by(&staff).json(json!({"reason": "a\0b"})).send().await;
    assert_eq!(refused(reason, 400, "invalid_input").wrong(), ["reason"]);
    let login = json!({"email": "a\0@example.com", "password": "a\0b"});
    let login = app.post("/login/").json(login).send().await;
    assert!(matches!(login.status, 400 | 401), "{login:?}");
    assert_problem(&login);
    let links = json!({"uid": "a\0", "token": "b\0", "password": "three green lamps"});
    let links = app.post("/password/reset/confirm/").json(links).send().await;
    refused(links, 400, "invalid_reset_link");
    let refresh = app.post("/token/refresh/").json(json!({"refresh": "a\0b"})).send().await;
    refused(refresh, 401, "invalid_token");
    assert_eq!(events(&app.pool()).await, before);
}

#[tokio::test]
async fn a_null_character_is_refused_in_queries_and_names_nothing_in_paths() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;

    for name in ["q", "status", "category", "uploaded_by", "cursor", "limit", "ordering", "other"] {
        let answer = app.get(&format!("/products/?{name}=a%00b")).by(&staff).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), [name]);
    }
    for path in ["/products/%00/", "/orders/a%00b/", "/categories/%00/", "/products/%00/video/"] {
        let answer = app.get(path).by(&staff).send().await;
        refused(answer, 404, "not_found");
    }
    for path in ["/activate/%00/b/", "/activate/a/%00/", "/activate/%ff/%fe/"] {
        let answer = app.get(path).send().await;
        assert!(matches!(answer.status, 400 | 404), "{answer:?}");
        assert_problem(&answer);
    }
}

// Found by `make hostile`: registered, and the mail to it became a dead letter.
#[tokio::test]
async fn an_address_that_no_mail_can_be_composed_to_is_refused() {
    let app = TestApp::start().await;
    let before = events(&app.pool()).await;

    for email in ["\"ada b\"@example.com", "\"ada@b\"@example.com", "\"ada\\\"b\"@example.com"] {
        let body = json!({"email": email, "password": "three green lamps"});
        let answer = app.post("/register/").json(body).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["email"], "{email}");
    }

    assert_eq!(events(&app.pool()).await, before);
}

#[tokio::test]
async fn a_domain_and_its_a_label_are_one_mailbox_and_mail_goes_to_the_a_label() {
    let app = TestApp::start().await;
    let password = "three green lamps";
    let body = |email: &str| json!({"email": email, "password": password});
    app.post("/register/").json(body("u@München.test")).send().await.expect(201);
    let link = link_in(&app.mail_to("u@xn--mnchen-3ya.test").await);
    app.get(&link).send().await.expect(200);

    app.post("/register/").json(body("u@xn--mnchen-3ya.test")).send().await.expect(201);

    let signed_in = app.login("u@xn--mnchen-3ya.test", password).await.expect(200);
    assert_eq!(signed_in.json["user"]["email"], "u@München.test");
    app.login("u@mu\u{308}nchen.test", password).await.expect(200);
    app.mails_to("u@xn--mnchen-3ya.test", 2).await;
    let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'END_USER'")
        .fetch_one(&app.pool())
        .await
        .unwrap();
    assert_eq!(accounts, 1);
}

#[tokio::test]
async fn a_domain_that_no_mail_can_reach_is_refused() {
    let app = TestApp::start().await;

    for email in ["a@xn--a.com", "a@1.2.3.4", "a@-shop.example", "a@shop\u{200b}.example"] {
        let body = json!({"email": email, "password": "three green lamps"});
        let answer = app.post("/register/").json(body).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["email"], "{email}");
    }
}

// Row 12: a number beyond every number.
#[tokio::test]
async fn a_number_or_a_depth_beyond_all_bounds_is_refused() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let buyer = app.user(Role::EndUser).await;
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let bodies = [
        r#"{"name": 1e400}"#.to_owned(),
        r#"{"name": -1e400, "description": 1e-400}"#.to_owned(),
        r#"{"products": [1e400]}"#.to_owned(),
        r#"{"items": [{"product": 1e400, "quantity": 1e400}]}"#.to_owned(),
        r#"{"items": [{"product": "x", "quantity": 99999999999999999999999}]}"#.to_owned(),
        format!(r#"{{"name": {}}}"#, deep("[", "]")),
        format!(r#"{{"name": {}}}"#, deep(r#"{"a":"#, "}")),
        deep("[", "]"),
        r#"{"name": "\ud800"}"#.to_owned(),
        "{\"name\": \"\u{1}\"}".to_owned(),
    ];

    for body in bodies {
        for (path, by) in [("/categories/", &staff), ("/products/", &staff), ("/orders/", &buyer)] {
            let post = app.post(path).by(by).body(body.clone().into_bytes(), "application/json");
            let answer = post.send().await;
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_problem(&answer);
        }
    }
    let invalid = app.post("/categories/").by(&staff);
    let invalid = invalid.body(b"{\"name\": \"\xff\xfe\"}".to_vec(), "application/json");
    refused(invalid.send().await, 400, "malformed_json");
    app.get("/categories/").by(&staff).send().await.expect(200);
}

#[tokio::test]
async fn a_number_of_an_order_or_a_price_has_its_bounds() {
    let app = TestApp::start().await;
    let (staff, buyer) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    let listed = app.approved_product(&staff, &app.user(Role::Admin).await, &category).await;

    for quantity in
        [json!(0), json!(-1), json!(1001), json!(1.5), json!("3"), json!(null), json!(1e300)]
    {
        let items = json!({"items": [{"product": listed, "quantity": quantity}]});
        let answer = app.post("/orders/").by(&buyer).json(items).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["items.0.quantity"]);
    }
    for amount in [json!("-1"), json!("1.234"), json!("1e5"), json!("NaN"), json!(""), json!(1.5)] {
        let price = json!({"amount": amount, "currency": "EUR"});
        let body = json!({"name": "Lamp", "category_id": category, "price": price});
        let answer = app.post("/products/").by(&buyer).json(body).send().await;
        let answer = refused(answer, 400, "invalid_input");
        assert!(answer.wrong().iter().all(|field| field.starts_with("price")), "{answer:?}");
    }
    for (field, count) in [("products", 0), ("products", 101)] {
        let body = json!({"products": vec![&listed; count]});
        let answer = app.post("/orders/").by(&buyer).json(body).send().await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), [field]);
    }
}
