//! What comes back to a client that gave its key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use serde_json::{Value, json};

use super::{Client, category, posted, sealer};
use crate::support::{TestApp, video};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const MISSING: &str = "0190a1b2-0000-7000-8000-000000000000";

#[tokio::test]
async fn whatever_operation_answers_json_answers_it_encrypted_errors_too() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let client = Client::of(&app).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let mut encrypted = 0;

    for (template, item) in document["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            for signed_in in [false, true] {
                // A person who is gone, or signed out, can't ask for the rest.
                let ends = matches!(template.as_str(), "/me/" | "/me/sessions/");
                if signed_in && ends && *method == "delete" {
                    continue;
                }
                let path = template.replace("{id}", MISSING);
                let path = path.replace("{uid}", "u").replace("{token}", "t");
                let method = method.to_uppercase();
                let mut call = app.request(&method, &path).header("Encryption-Key", &client.key());
                if signed_in {
                    call = call.by(&admin);
                }
                if item[method.to_lowercase()].get("requestBody").is_some() {
                    call = call.json(client.seal(&method, &path, &json!({ "none": 1 })));
                }
                let answer = call.send().await;
                assert_ne!(answer.status, 500, "{method} {path}: {answer:?}");
                let is_json = answer.header("content-type").contains("json");
                // What is no JSON: metrics, nothing, and a stream, each event of which is encrypted
                // by itself.
                let is_other = path == "/metrics"
                    || (path == "/live/" && answer.status == 200)
                    || answer.status == 204;
                assert!(is_json || is_other, "{method} {path}: {answer:?}");
                let status = answer.status;
                let opened = client.open(answer);
                opened.expect(status);
                encrypted += u32::from(is_json);
            }
        }
    }
    assert!(encrypted > 70, "{encrypted}");
    let unknown = app.get("/nowhere/").header("Encryption-Key", &client.key()).send().await;
    assert_eq!(client.open(unknown).expect(404).code(), "not_found");
    let wrong = app.delete("/login/").header("Encryption-Key", &client.key()).send().await;
    assert_eq!(client.open(wrong).expect(405).header("allow"), "POST,OPTIONS");
    app.finish().await;
}

#[tokio::test]
async fn an_answer_without_a_body_stays_as_it_is() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let client = Client::of(&app).await;
    let key = client.key();
    let made = client.post(&app, &staff, "/categories/", &category()).await.expect(201);
    let path = format!("/categories/{}/", made.json["id"].as_str().unwrap());
    let with_key = |method: &str, path: &str| {
        app.request(method, path).by(&staff).header("Encryption-Key", &key)
    };

    let head = with_key("HEAD", &path).send().await.expect(200);
    assert!(head.bytes.is_empty());
    assert_eq!(head.etag(), made.etag());
    let unchanged = with_key("GET", &path).header("If-None-Match", made.etag()).send().await;
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
    let deleted = with_key("DELETE", &path).send().await.expect(204);
    assert!(deleted.bytes.is_empty() && deleted.header("content-type").is_empty());
    let body = client.seal("POST", "/logout/", &json!({ "refresh": staff.refresh }));
    let out = with_key("POST", "/logout/").json(body).send().await.expect(205);
    assert!(out.bytes.is_empty() && out.header("content-type").is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_video_that_is_asked_for_with_a_key_comes_as_it_is() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let shelf = app.category(&staff, "Bicycles").await;
    let product = app.product_with(&seller, &shelf, video::mp4()).await;
    app.processed(&seller, &product).await;
    let client = Client::of(&app).await;

    let call = app.get(&format!("/products/{product}/video/")).by(&seller);
    let film = call.header("Encryption-Key", &client.key()).send().await.expect(200);

    assert_eq!(film.header("content-type"), "video/mp4");
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_in_clear_and_nothing_is_done() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let jwk = sealer::jwk(&sealer::random().public_key());
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        BASE64.encode(jwk.to_string())
    };
    let private = BASE64.encode(sealer::private_jwk(&sealer::random()).to_string());

    for key in [
        String::new(),
        "no key".to_owned(),
        BASE64.encode("no json"),
        jwk.to_string(),
        with("x", json!(BASE64.encode([7; 32]))),
        with("crv", json!("P-384")),
        with("kty", json!("OKP")),
        with("use", json!("sig")),
        with("alg", json!("RSA-OAEP")),
        with("pad", json!("x".repeat(3_000))),
        private,
    ] {
        let call = posted(&app, &staff, category()).header("Encryption-Key", &key);
        let told = call.send().await.expect(400);
        assert_eq!(told.code(), "invalid_encryption_key", "{key}");
    }
    let good = BASE64.encode(jwk.to_string());
    let call = app.get("/categories/").by(&staff).header("Encryption-Key", &good);
    let twice = call.header("Encryption-Key", &good).send().await.expect(400);
    assert_eq!(twice.code(), "invalid_encryption_key");
    let list = app.get("/categories/").by(&staff).send().await.expect(200);
    assert!(list.ids().is_empty());
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_another_origin_may_send_the_key() {
    let ours = "https://shop.example";
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", ours)]).await;

    let call = app.request("OPTIONS", "/products/").header("Origin", ours);
    let call = call.header("Access-Control-Request-Method", "GET");
    let call = call.header("Access-Control-Request-Headers", "encryption-key");
    let allowed = call.send().await.expect(200);

    assert!(allowed.header("access-control-allow-headers").contains("encryption-key"));
}
