//! What was encrypted, and the keys, are written nowhere.

use domain::Role;
use serde_json::{Value, json};

use super::{Client, posted};
use crate::support::TestApp;

#[tokio::test]
async fn what_a_payload_says_is_in_no_line_of_the_log() {
    let app = TestApp::start_with(&[("RUST_LOG", "trace,sqlx=trace")]).await;
    let staff = app.user(Role::Staff).await;
    let client = Client::of(&app).await;
    let canary = format!("canary{}", uuid::Uuid::new_v4().simple());
    let secret = json!({ "name": 7, "description": canary });

    let refused = client.post(&app, &staff, "/categories/", &secret).await.expect(400);
    assert_eq!(refused.code(), "invalid_input");
    let login = json!({ "email": staff.email, "password": canary });
    client.post(&app, &staff, "/login/", &login).await.expect(401);
    let mut header = client.claims("POST", "/categories/");
    header["htm"] = json!("PUT");
    let body = client.seal_with(&header, secret.to_string().as_bytes());
    posted(&app, &staff, body).send().await.expect(400);

    let metrics = app.get("/metrics").send().await.expect(200).bytes;
    let log = app.stderr();
    assert!(log.contains("htm is not the method"), "the log is not that of everything");
    let keys = std::fs::read_to_string(app.data_dir().join("secrets.json")).unwrap();
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let key = keys["encryption"][0].as_str().unwrap();
    for (what, text) in [("the log", log), ("metrics", String::from_utf8(metrics).unwrap())] {
        assert!(!text.contains(&canary), "{what}");
        assert!(!text.contains(key), "{what}");
    }
    app.finish().await;
}
