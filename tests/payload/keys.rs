//! The keys that payloads are encrypted to, from the file to the JWK Set.

use domain::Role;
use serde_json::Value;

use super::{Client, category, posted};
use crate::support::{TestApp, eventually};

async fn published(app: &TestApp) -> Vec<Value> {
    let jwks = app.get("/.well-known/jwks.json").send().await.expect(200).json;
    let keys = jwks["keys"].as_array().unwrap().clone();
    keys.into_iter().filter(|key| key["use"] == "enc").collect()
}

#[tokio::test]
async fn one_public_key_is_published_for_encryption_beside_those_that_sign() {
    let app = TestApp::start().await;

    let jwks = app.get("/.well-known/jwks.json").send().await.expect(200).json;

    let keys = published(&app).await;
    assert_eq!(keys.len(), 1, "{jwks}");
    let key = keys[0].as_object().unwrap();
    let members: Vec<_> = key.keys().map(String::as_str).collect();
    for member in ["kty", "crv", "x", "y", "kid", "use", "alg"] {
        assert!(members.contains(&member), "{key:?}");
    }
    assert_eq!(members.len(), 7, "{key:?}");
    let others = jwks["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "sig");
    assert_eq!(others.count(), 1);
}

#[tokio::test]
async fn a_rotated_key_comes_into_use_while_the_one_before_stays_accepted() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let replica = app.replica().await;
    let before = Client::of(&app).await;
    let take = async |client: &Client| {
        let body = client.seal("POST", "/categories/", &category());
        posted(&app, &staff, body).send().await.expect(201);
        let body = client.seal("POST", "/categories/", &category());
        let there = app.request_to(&replica, "POST", "/categories/").by(&staff);
        there.json(body).send().await.expect(201);
    };
    take(&before).await;

    app.run(&["keys", "rotate"]).await.expect(0);
    take(&before).await;
    eventually("the new key is published", async || {
        (published(&app).await[0]["kid"] != before.kid.as_str()).then_some(())
    })
    .await;
    let after = Client::of(&app).await;
    take(&after).await;
    take(&before).await;
    app.run(&["keys", "rotate"]).await.expect(0);

    let body = before.seal("POST", "/categories/", &category());
    let refused = posted(&app, &staff, body).send().await.expect(400);
    assert_eq!(refused.code(), "invalid_encrypted_payload");
    take(&after).await;
    app.finish().await;
}

#[tokio::test]
async fn a_file_from_before_there_were_such_keys_gets_one_that_all_replicas_share() {
    let mut app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let file = app.data_dir().join("secrets.json");
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    stored.as_object_mut().unwrap().remove("encryption").unwrap();
    app.kill();
    std::fs::write(&file, stored.to_string()).unwrap();

    app.restart().await;
    let replica = app.replica().await;

    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["encryption"].as_array().map(Vec::len), Some(1));
    assert_eq!(written["master"], stored["master"]);
    let client = Client::of(&app).await;
    let body = client.seal("POST", "/categories/", &category());
    let there = app.request_to(&replica, "POST", "/categories/").by(&staff);
    there.json(body).send().await.expect(201);
    app.finish().await;
}
