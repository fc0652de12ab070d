//! Sessions: refresh tokens that rotate, tokens that nobody else can make.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use ed25519_dalek::{Signer, SigningKey};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, eventually, link_in};

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/token/refresh/").json(json!({"refresh": token})).send().await
}

/// Tried again where it is refused for want of a connection, as on a machine that is busy.
async fn refresh_at_last(app: &TestApp, token: &str) -> Answer {
    loop {
        let answer = refresh(app, token).await;
        if answer.status != 503 {
            return answer.expect(200);
        }
    }
}

#[tokio::test]
async fn of_a_hundred_refreshes_at_once_comes_one_successor_that_works() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;

    let answers = join_all((0..100).map(|_| refresh_at_last(&app, &person.refresh))).await;

    let successors: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.json["refresh"].as_str().unwrap().to_owned()).collect();
    assert_eq!(successors.len(), 1);
    let successor = successors.first().unwrap();
    refresh(&app, successor).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_after_its_successor_was_used_ends_the_session() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let first = refresh(&app, &person.refresh).await.expect(200).json;
    let second = refresh(&app, first["refresh"].as_str().unwrap()).await.expect(200).json;

    let reused = refresh(&app, &person.refresh).await.expect(401);

    assert_eq!(reused.code(), "token_reused");
    refresh(&app, second["refresh"].as_str().unwrap()).await.expect(401);
    let access = second["access"].as_str().unwrap();
    app.get("/me/").bearer(access).send().await.expect(401);
}

#[tokio::test]
async fn ones_sessions_are_listed_and_ended_and_nobody_elses() {
    let app = TestApp::start().await;
    let (here, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    let there = app.sign_in(&here.email, &here.password).await;

    let listed = app.get("/me/sessions/").by(&here).send().await.expect(200).json;

    let sessions = listed.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let elsewhere = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/me/sessions/{}/", elsewhere["id"].as_str().unwrap());
    app.delete(&path).by(&other).send().await.expect(404);
    app.get("/me/").by(&there).send().await.expect(200);
    app.delete(&path).by(&here).send().await.expect(204);
    app.get("/me/").by(&there).send().await.expect(401);
    app.get("/me/").by(&here).send().await.expect(200);
}

/// The session as a whole: neither of its tokens works.
async fn is_over(app: &TestApp, session: &Person, refreshed: u16) {
    eventually("the access token is refused", async || {
        let answer = app.get("/me/").by(session).send().await;
        (answer.status == 401).then_some(())
    })
    .await;
    refresh(app, &session.refresh).await.expect(refreshed);
}

#[tokio::test]
async fn a_changed_password_needs_the_old_one_and_ends_all_other_sessions() {
    let app = TestApp::start().await;
    let here = app.user(Role::EndUser).await;
    let there = app.sign_in(&here.email, &here.password).await;
    let change = |current: &str| {
        let body = json!({"current_password": current, "new_password": "a lamp in every window"});
        app.post("/password/change/").by(&here).json(body).send()
    };

    let refused = change("not this one").await.expect(400);
    app.get("/me/").by(&there).send().await.expect(200);
    change(&here.password).await.expect(204);

    assert!(refused.json["errors"]["current_password"].is_array());
    is_over(&app, &there, 401).await;
    refresh(&app, &here.refresh).await.expect(200);
    app.login(&here.email, &here.password).await.expect(401);
    app.login(&here.email, "a lamp in every window").await.expect(200);
}

#[tokio::test]
async fn a_password_that_is_set_by_a_link_ends_every_session_and_the_link() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let ask = json!({"email": person.email});
    app.post("/password/reset/").json(ask).send().await.expect(202);
    let link = url::Url::parse(&app.url(&link_in(&app.mail_to(&person.email).await))).unwrap();
    let mut body: Value = link.query_pairs().map(|(name, value)| (name, json!(value))).collect();
    body["password"] = json!("a lamp in every window");
    let set = || app.post("/password/reset/confirm/").json(body.clone()).send();

    set().await.expect(204);

    is_over(&app, &person, 401).await;
    set().await.expect(400);
    app.login(&person.email, "a lamp in every window").await.expect(200);
}

#[tokio::test]
async fn a_person_who_is_shut_out_is_out_at_once() {
    let app = TestApp::start().await;
    let (admin, person) = (app.user(Role::Admin).await, app.user(Role::Staff).await);
    let path = format!("/users/{}/", person.id);

    app.patch(&path).by(&admin).json(json!({"is_active": false})).send().await.expect(200);

    is_over(&app, &person, 403).await;
    app.login(&person.email, &person.password).await.expect(403);
}

/// A token of the program's own key, as somebody who has it would make it.
pub fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = BASE64.encode(key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

/// The key that the program signs with.
pub fn key_of(app: &TestApp) -> SigningKey {
    let secrets = std::fs::read(app.data_dir().join("secrets.json")).unwrap();
    let secrets: Value = serde_json::from_slice(&secrets).unwrap();
    let seed = BASE64.decode(secrets["signing"][0].as_str().unwrap()).unwrap();
    SigningKey::from_bytes(&seed.try_into().unwrap())
}

pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}

pub fn with(value: &Value, member: &str, to: Value) -> Value {
    let mut value = value.clone();
    value[member] = to;
    value
}

fn without(value: &Value, member: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(member);
    value
}

#[tokio::test]
async fn a_token_that_is_not_wholly_right_is_refused() {
    let app = TestApp::start().await;
    let person = app.user(Role::Admin).await;
    let key = key_of(&app);
    let (header, claims) = (part(&person.access, 0), part(&person.access, 1));
    let genuine = signed(&key, &header, &claims);
    app.get("/me/").bearer(&genuine).send().await.expect(200);

    let now = claims["iat"].as_i64().unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
    let headers = [
        with(&header, "alg", json!("none")),
        with(&header, "alg", json!("HS256")),
        with(&header, "alg", json!("ES256")),
        with(&header, "typ", json!("JWT")),
        without(&header, "typ"),
        without(&header, "kid"),
        with(&header, "kid", json!("../../secrets.json")),
        with(&header, "kid", json!("' OR 1=1 --")),
        with(&header, "jku", json!("https://evil.example/jwks.json")),
        with(&header, "jwk", jwk),
        with(&header, "x5u", json!("https://evil.example/cert.pem")),
    ];
    let bodies = [
        with(&claims, "exp", json!((now + 300).to_string())),
        with(&claims, "exp", json!(now - 1)),
        with(&claims, "iat", json!(now + 3_600)),
        with(&claims, "aud", json!("another-api")),
        with(&claims, "iss", json!("https://evil.example")),
        with(&claims, "role", json!("KING")),
        with(&claims, "sub", json!("nobody")),
        without(&claims, "exp"),
        without(&claims, "aud"),
        without(&claims, "iss"),
        without(&claims, "sid"),
        json!([]),
    ];
    let mut forged: Vec<String> =
        headers.iter().map(|header| signed(&key, header, &claims)).collect();
    forged.extend(bodies.iter().map(|claims| signed(&key, &header, claims)));
    forged.push(signed(&SigningKey::from_bytes(&[7; 32]), &header, &claims));
    let mut unsigned = genuine.rsplit_once('.').unwrap().0.to_owned();
    unsigned.push('.');
    forged.extend([unsigned, format!("{genuine}.{genuine}"), genuine.to_uppercase()]);
    forged.extend([person.refresh.clone(), String::new(), "a.b.c".to_owned()]);

    for token in forged {
        let answer = app.get("/me/").bearer(&token).send().await;
        assert_eq!(answer.status, 401, "accepted: {token}");
    }
}
