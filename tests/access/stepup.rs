//! Sensitive acts need a proof of who one is within the last five minutes.

use domain::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

/// The proof of every session is older than five minutes.
async fn let_proofs_age(app: &TestApp) {
    let sql = "UPDATE sessions SET authenticated_at = now() - interval '5 minutes'";
    sqlx::query(sql).execute(&app.pool()).await.unwrap();
}

async fn sensitive(app: &TestApp, person: &Person) -> [Answer; 4] {
    let sessions = app.get("/me/sessions/").by(person).send().await.expect(200).json;
    let session = format!("/me/sessions/{}/", sessions[0]["id"].as_str().unwrap());
    let address = json!({"email": "other@example.com"});
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        let call = app.request(method.as_str(), path).by(person);
        match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        }
    };
    [
        ask(Method::DELETE, "/me/", None).await,
        ask(Method::PATCH, "/me/", Some(address)).await,
        ask(Method::DELETE, &session, None).await,
        ask(Method::DELETE, "/me/sessions/", None).await,
    ]
}

#[tokio::test]
async fn whatever_could_lock_a_person_out_asks_for_a_recent_proof() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let_proofs_age(&app).await;

    for refused in sensitive(&app, &person).await {
        assert_eq!(refused.expect(403).code(), "reauthentication_required");
    }
    app.patch("/me/").by(&person).json(json!({"email": person.email})).send().await.expect(200);
}

#[tokio::test]
async fn a_password_proves_it_for_this_session_and_no_other() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let other = app.sign_in(&person.email, &person.password).await;
    let_proofs_age(&app).await;
    let prove = |password: &str| {
        let body = json!({ "password": password });
        app.post("/me/reauthenticate/").by(&person).json(body).send()
    };

    let wrong = prove("not this one").await.expect(400);
    app.delete("/me/").by(&person).send().await.expect(403);
    prove(&person.password).await.expect(204);

    assert_eq!(wrong.wrong(), ["password"]);
    app.delete("/me/").by(&other).send().await.expect(403);
    app.delete("/me/").by(&person).send().await.expect(204);
}

#[tokio::test]
async fn a_proof_is_never_replayed_for_an_idempotency_key() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let prove = || {
        let body = json!({"password": person.password});
        let call = app.post("/me/reauthenticate/").by(&person).header("Idempotency-Key", "a key");
        call.json(body).send()
    };
    prove().await.expect(204);
    let_proofs_age(&app).await;

    let again = prove().await.expect(204);

    assert_eq!(again.header("idempotent-replayed"), "");
    app.delete("/me/sessions/").by(&person).send().await.expect(204);
}

#[tokio::test]
async fn a_stolen_session_cannot_guess_the_password_by_proving_it() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let guess = || {
        let body = json!({"password": "a guess"});
        app.post("/me/reauthenticate/").by(&person).json(body).send()
    };
    for _ in 0..10 {
        guess().await.expect(400);
    }

    assert_eq!(guess().await.expect(429).code(), "too_many_attempts");
}
