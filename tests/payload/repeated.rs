//! `Idempotency-Key` with encrypted bodies: what counts is what they say.

use domain::Role;

use super::{Client, category, posted};
use crate::support::TestApp;

#[tokio::test]
async fn a_repetition_is_told_by_what_was_encrypted_and_answered_to_the_key_that_asks() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let (first, second) = (Client::of(&app).await, Client::of(&app).await);
    let body = category();
    let ask = async |client: &Client, body| {
        let call = posted(&app, &staff, client.seal("POST", "/categories/", body));
        let call = call.header("Idempotency-Key", "once").header("Encryption-Key", &client.key());
        client.open(call.send().await)
    };

    let made = ask(&first, &body).await.expect(201);
    let again = ask(&second, &body).await.expect(201);

    assert_eq!(made.header("idempotent-replayed"), "");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json, made.json);
    assert_eq!(again.etag(), made.etag());
    let plain = posted(&app, &staff, body.clone()).header("Idempotency-Key", "once").send().await;
    assert_eq!(plain.status, 201);
    assert_eq!(plain.json, made.json);
    let other = ask(&second, &category()).await.expect(422);
    assert_eq!(other.code(), "idempotency_key_reused");
    app.finish().await;
}

#[tokio::test]
async fn a_repetition_with_the_very_same_bytes_is_refused_and_leaves_the_key_as_it_was() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let client = Client::of(&app).await;
    let body = category();
    let sealed = client.seal("POST", "/categories/", &body);
    let ask =
        async |body| posted(&app, &staff, body).header("Idempotency-Key", "once").send().await;

    let made = ask(sealed.clone()).await.expect(201);
    let same = ask(sealed).await.expect(400);
    let again = ask(client.seal("POST", "/categories/", &body)).await.expect(201);

    assert_eq!(same.code(), "invalid_encrypted_payload");
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &made.json));
    let list = app.get("/categories/").by(&staff).send().await.expect(200);
    assert_eq!(list.ids().len(), 1);
    app.finish().await;
}
