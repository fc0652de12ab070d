//! How the program is run.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use serde_json::{Value, json};

use super::Shop;
use crate::support::{TestApp, link_in};

#[tokio::test]
async fn row_23_pages_of_configured_origins_may_call_the_api() {
    let ours = "https://shop.example";
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", ours)]).await;
    let preflight = async |origin: &str| {
        let call = app.request("OPTIONS", "/products/").header("Origin", origin);
        let call = call.header("Access-Control-Request-Method", "PATCH");
        let headers = "authorization,content-type,if-match,idempotency-key";
        call.header("Access-Control-Request-Headers", headers).send().await.expect(200)
    };

    let allowed = preflight(ours).await;
    let refused = preflight("https://evil.example").await;

    assert_eq!(allowed.header("access-control-allow-origin"), ours);
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"));
    for name in ["authorization", "if-match", "idempotency-key"] {
        assert!(allowed.header("access-control-allow-headers").contains(name), "{name}");
    }
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let answer = app.get("/products/").header("Origin", ours).send().await.expect(401);
    assert_eq!(answer.header("access-control-allow-origin"), ours);
}

#[tokio::test]
async fn rows_24_and_25_no_error_is_a_page_of_html() {
    let Shop { app, seller, .. } = Shop::open().await;

    app.get("/products").by(&seller).send().await.expect(200);
    app.get("/nowhere/").by(&seller).send().await.expect(404);
    app.post("/nowhere").by(&seller).json(json!({})).send().await.expect(404);
    sqlx::query("ALTER TABLE categories RENAME TO elsewhere").execute(&app.pool()).await.unwrap();
    let broken = app.get("/categories/").by(&seller).send().await.expect(500);

    assert_eq!(broken.code(), "internal_error");
    let text = String::from_utf8_lossy(&broken.bytes).to_lowercase();
    for word in ["categories\\\"", "relation", "sql", "select", "panicked"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(!broken.header("x-request-id").is_empty());
}

#[tokio::test]
async fn row_38_while_the_broker_is_down_commands_go_on_and_the_rest_follows_later() {
    let mut app = TestApp::start_with(&[("NATS_URL", "nats://127.0.0.1:1")]).await;
    let staff = app.user(Role::Staff).await;

    app.category(&staff, "Lamps").await;
    let body = json!({ "email": "ada@example.com", "password": "a lamp in every window" });
    app.post("/register/").json(body).send().await.expect(201);
    let ready = app.get("/readyz").send().await.expect(503);
    assert!(ready.wrong().contains(&"broker"), "{ready:?}");
    app.get("/healthz").send().await.expect(200);
    assert!(app.mails("ada@example.com").is_empty());

    app.restart_with_broker().await;

    let mail = app.mail_to("ada@example.com").await;
    app.get(&link_in(&mail)).send().await.expect(200);
}

#[tokio::test]
async fn row_43_keys_are_made_at_first_start_and_kept_secret() {
    let (one, other) = (TestApp::start().await, TestApp::start().await);
    let read = |app: &TestApp| -> Value {
        let file = app.data_dir().join("secrets.json");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };

    let (keys, others) = (read(&one), read(&other));

    assert_ne!(keys["master"], others["master"]);
    assert_ne!(keys["signing"], others["signing"]);
    let person = one.user(Role::EndUser).await;
    other.get("/me/").by(&person).send().await.expect(401);
}

#[tokio::test]
async fn row_43_default_keys_are_refused() {
    let app = TestApp::start().await;
    let file = app.data_dir().join("secrets.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let create = ["users", "create", "--email", "a@example.com", "--role", "ADMIN"];
    let create = [create.as_slice(), &["--password-stdin"]].concat();

    for byte in [0, 7, 255] {
        let default = BASE64.encode([byte; 32]);
        let master = json!({ "signing": good["signing"], "master": default });
        let signing = json!({ "signing": [default], "master": good["master"] });
        for bad in [master, signing] {
            std::fs::write(&file, bad.to_string()).unwrap();
            let refused = app.program.run_with("a lamp in every window", &create).await.expect(1);
            assert!(refused.stderr.contains("SECRETS_FILE"), "{refused:?}");
            assert!(!refused.stderr.contains(&default), "{refused:?}");
        }
    }
}
