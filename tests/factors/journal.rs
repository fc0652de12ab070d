//! The security journal, as an operator reads it.

use std::collections::BTreeSet;

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

const ALOUD: [(&str, &str); 2] = [("RUST_LOG", "warn,security=info"), ("LOG_FORMAT", "json")];

/// The lines of the journal so far.
fn journal(app: &TestApp) -> Vec<Value> {
    let log = app.stderr();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "security").collect()
}

/// The last line of an event.
#[track_caller]
fn last(app: &TestApp, event: &str) -> Value {
    let lines = journal(app);
    let found = lines.iter().rev().find(|line| line["event"] == event).cloned();
    found.unwrap_or_else(|| panic!("no {event} in {lines:#?}"))
}

/// A life with everything in it, and what must not be told of it.
async fn lived(app: &TestApp) -> (Person, Vec<String>) {
    let person = app.user(Role::EndUser).await;
    app.login(&person.email, "not this one").await.expect(401);
    app.login("stranger@example.com", "nor that one").await.expect(401);
    let (mut authenticator, codes) = app.enrol(&person).await;
    let challenge = app.challenge(&person).await;
    let (wrong, code) = (authenticator.wrong(), authenticator.next().await);
    app.complete_login(&challenge, &wrong).await.expect(401);
    let there = app.complete_login(&challenge, &code).await.expect(200).json;
    let proof = json!({"code": codes[0]});
    app.post("/me/reauthenticate/").by(&person).json(proof).send().await.expect(204);
    let wrong_proof = json!({"password": "not this one"});
    app.post("/me/reauthenticate/").by(&person).json(wrong_proof).send().await.expect(400);
    app.get("/users/").by(&person).send().await.expect(403);
    app.get("/me/").send().await.expect(401);
    let change = json!({"current_password": person.password, "new_password": "a lamp in each"});
    app.post("/password/change/").by(&person).json(change).send().await.expect(204);
    let secrets = [&person.email, &person.password, &challenge, &codes[0], &person.refresh];
    let mut secrets: Vec<String> = secrets.map(Clone::clone).to_vec();
    secrets.push(there["refresh"].as_str().unwrap().to_owned());
    secrets.extend(["stranger", "not this one", "a lamp in each", "127.0.0.1"].map(str::to_owned));
    secrets.push(person.access.rsplit('.').next().unwrap().to_owned());
    (person, secrets)
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_with_ids_and_nothing_secret() {
    let app = TestApp::start_with(&ALOUD).await;

    let (person, secrets) = lived(&app).await;

    let lines = journal(&app);
    let told: BTreeSet<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    for event in [
        "signed_in",
        "sign_in_failed",
        "second_factor_asked",
        "second_factor_failed",
        "second_factor_enabled",
        "reauthenticated",
        "reauthentication_failed",
        "authorization_refused",
        "password_changed",
    ] {
        assert!(told.contains(event), "no {event} in {told:?}");
    }
    for line in &lines {
        let text = line.to_string();
        let leaked: Vec<_> = secrets.iter().filter(|secret| text.contains(*secret)).collect();
        assert!(leaked.is_empty(), "{leaked:?} in {text}");
        assert!(!line["request_id"].as_str().unwrap().is_empty(), "{text}");
        let failed = line["outcome"] == "failure";
        assert_eq!(line["level"], if failed { "WARN" } else { "INFO" }, "{text}");
    }
    let signed_in = last(&app, "signed_in");
    assert_eq!(signed_in["user"], json!(person.id));
    assert_eq!(signed_in["client"], "127.0.0.0/24");
    assert_eq!(signed_in["detail"], "second_factor");
    assert!(signed_in["session"].is_string());
}

#[tokio::test]
async fn failures_are_told_by_a_keyed_hash_of_the_address() {
    let app = TestApp::start_with(&ALOUD).await;
    let person = app.user(Role::EndUser).await;
    let name = async |email: &str| {
        app.login(email, "not this one").await.expect(401);
        last(&app, "sign_in_failed")["address"].as_str().unwrap().to_owned()
    };

    let (one, again) = (name(&person.email).await, name(&person.email.to_uppercase()).await);
    let other = name("somebody-else@example.com").await;

    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.len() == 16 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
}

#[tokio::test]
async fn refusals_tell_who_was_refused_and_why() {
    let app = TestApp::start_with(&ALOUD).await;
    let person = app.user(Role::EndUser).await;
    let name = "a-request-of-mine";

    app.get("/users/").by(&person).header("X-Request-Id", name).send().await.expect(403);
    let forbidden = last(&app, "authorization_refused");
    app.get("/users/").send().await.expect(401);
    let anonymous = last(&app, "authorization_refused");

    assert_eq!(forbidden["user"], json!(person.id));
    assert_eq!(
        (&forbidden["detail"], &forbidden["request_id"]),
        (&json!("permission_denied"), &json!(name))
    );
    assert_eq!(anonymous["detail"], "not_authenticated");
    assert!(anonymous["user"].is_null());
}

#[tokio::test]
async fn throttling_and_a_refresh_token_that_comes_twice_are_told() {
    let app = TestApp::start_with(&ALOUD).await;
    let person = app.user(Role::EndUser).await;
    let refresh = async |token: &Value| {
        app.post("/token/refresh/").json(json!({"refresh": token})).send().await
    };

    for _ in 0..10 {
        app.login(&person.email, "not this one").await.expect(401);
    }
    app.login(&person.email, "not this one").await.expect(429);
    let first = refresh(&json!(person.refresh)).await.expect(200).json;
    refresh(&first["refresh"]).await.expect(200);
    refresh(&json!(person.refresh)).await.expect(401);

    assert_eq!(last(&app, "throttled")["detail"], "too_many_attempts");
    let reused = last(&app, "refresh_token_reused");
    assert_eq!(reused["user"], json!(person.id));
    assert_eq!(last(&app, "session_ended")["session"], reused["session"]);
}

#[tokio::test]
async fn what_an_admin_does_to_an_account_is_told_with_who_did_it() {
    let app = TestApp::start_with(&ALOUD).await;
    let (admin, person) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    let path = format!("/users/{}/", person.id);

    app.patch(&path).by(&admin).json(json!({"role": "STAFF"})).send().await.expect(200);
    let role = last(&app, "role_changed");
    app.patch(&path).by(&admin).json(json!({"is_active": false})).send().await.expect(200);
    let shut = last(&app, "account_deactivated");
    app.erase(&app.user(Role::EndUser).await).await;

    for line in [&role, &shut] {
        assert_eq!((&line["user"], &line["by"]), (&json!(person.id), &json!(admin.id)));
    }
    assert_eq!(role["detail"], "STAFF");
    last(&app, "person_erased");
}
