//! Personal data: sealed in the log, gone with the person, readable through a rotation.

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, eventually};

const REASON: &str = "The canary reason: too yellow.";

/// A seller with a rejected product, an order of somebody else's, and a mail of each kind.
async fn a_person_with_a_past(app: &TestApp) -> (Person, String, String) {
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let other = app.user(Role::EndUser).await;
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    app.reject(&staff, &product, REASON).await.expect(200);
    let listed = app.approved_product(&other, &staff, &category).await;
    let order = app.order(&seller, &[listed]).await;
    (seller, product, order)
}

/// All that the log holds, as text.
async fn log(app: &TestApp) -> String {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT payload::text || metadata::text FROM events ORDER BY position")
            .fetch_all(&app.pool())
            .await
            .unwrap();
    rows.join("\n")
}

async fn reasons(app: &TestApp, person: &Person, product: &str) -> Vec<Value> {
    let path = format!("/products/{product}/moderation/");
    let timeline = app.get(&path).by(person).send().await.expect(200).json;
    timeline.as_array().unwrap().iter().map(|entry| entry["reason"].clone()).collect()
}

#[tokio::test]
async fn neither_addresses_nor_reasons_stand_in_the_log_in_clear() {
    let app = TestApp::start().await;
    let (seller, product, _) = a_person_with_a_past(&app).await;
    let new = json!({"email": "canary-address@example.com"});
    app.patch("/me/").by(&seller).json(new).send().await.expect(200);

    let log = log(&app).await;

    let local = seller.email.split('@').next().unwrap();
    for canary in [local, "canary-address", "canary reason"] {
        assert!(!log.contains(canary), "{canary} stands in the log");
        assert!(!app.stderr().contains(canary), "{canary} stands in the program's log");
    }
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0);
    assert!(replay.stdout.contains(REASON), "{replay:?}");
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    app.finish().await;
}

#[tokio::test]
async fn whoever_asks_to_be_forgotten_is() {
    let app = TestApp::start().await;
    let (seller, product, order) = a_person_with_a_past(&app).await;
    let admin = app.user(Role::Admin).await;

    app.delete("/me/").by(&seller).send().await.expect(204);

    app.get("/me/").by(&seller).send().await.expect(401);
    let refresh = json!({"refresh": seller.refresh});
    app.post("/token/refresh/").json(refresh).send().await.expect(401);
    app.login(&seller.email, &seller.password).await.expect(401);
    let path = format!("/users/{}/", seller.id);
    let account = app.get(&path).by(&admin).send().await.expect(200).json;
    assert_eq!((&account["email"], &account["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!(app.see(&admin, &product).await["status"], "CANCELLED");
    let path = format!("/orders/{order}/");
    assert_eq!(app.get(&path).by(&admin).send().await.expect(200).json["status"], "CANCELLED");
    assert!(reasons(&app, &admin, &product).await.iter().all(Value::is_null));
    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0);
    assert!(replay.stdout.contains("ProductRejected") && !replay.stdout.contains("yellow"));

    let again = json!({"email": seller.email, "password": seller.password});
    app.post("/register/").json(again).send().await.expect(201);
    eventually("an activation mail to the address that is free again", async || {
        app.mail_to(&seller.email).await.contains("/activate/").then_some(())
    })
    .await;
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &admin, &product).await.iter().all(Value::is_null));
    app.finish().await;
}

#[tokio::test]
async fn no_request_fails_while_the_keys_rotate() {
    let app = TestApp::start().await;
    let (seller, product, _) = a_person_with_a_past(&app).await;
    let wrapping = async || -> Vec<String> {
        let keys = "SELECT DISTINCT wrapping_key FROM person_keys";
        sqlx::query_scalar(keys).fetch_all(&app.pool()).await.unwrap()
    };
    let before = wrapping().await;

    let rotated = async { app.run(&["keys", "rotate"]).await.expect(0) };
    let used = async {
        for number in 0..60 {
            let email = format!("rotating-{number}@example.com");
            let body = json!({"email": email, "password": "a lamp in every window"});
            app.post("/register/").json(body).send().await.expect(201);
            assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
        }
    };
    tokio::join!(rotated, used);

    let after = wrapping().await;
    assert!(after.iter().any(|key| !before.contains(key)), "{before:?} {after:?}");
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    assert!(app.mail_to("rotating-59@example.com").await.contains("/activate/"));
    app.finish().await;
}
