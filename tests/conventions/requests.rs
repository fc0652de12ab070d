//! What a request goes by, from the answer to the event that it caused.

use serde_json::{Value, json};
use sqlx::Row;

use super::Shop;
use crate::support::TestApp;

/// The metadata of the newest event.
async fn newest_metadata(app: &TestApp) -> Value {
    let newest = "SELECT metadata FROM events ORDER BY position DESC LIMIT 1";
    sqlx::query(newest).fetch_one(&app.pool()).await.unwrap().get("metadata")
}

#[tokio::test]
async fn a_name_that_was_given_is_in_the_answer_and_in_the_event() {
    let Shop { app, staff, .. } = Shop::open().await;
    let name = "from-the.proxy_7";

    let post = app.post("/categories/").by(&staff).json(json!({"name": "Chairs"}));
    let answer = post.header("x-request-id", name).send().await.expect(201);

    assert_eq!(answer.header("x-request-id"), name);
    let metadata = newest_metadata(&app).await;
    assert_eq!(metadata["request_id"], name);
    assert_eq!(metadata["actor"]["user"], json!({"id": staff.id, "role": "STAFF"}));
}

#[tokio::test]
async fn a_name_is_made_where_none_or_a_bad_one_was_given() {
    let Shop { app, staff, .. } = Shop::open().await;

    let long = "x".repeat(65);
    let given = ["", "two words", "ann@example.com", "<script>", "a/b", long.as_str()];
    for (index, given) in given.into_iter().map(Some).chain([None]).enumerate() {
        let body = json!({"name": format!("Shelf {index}")});
        let mut post = app.post("/categories/").by(&staff).json(body);
        if let Some(given) = given {
            post = post.header("x-request-id", given);
        }
        let answer = post.send().await.expect(201);

        let made = answer.header("x-request-id");
        assert!(uuid::Uuid::parse_str(made).is_ok(), "{made}");
        assert_eq!(newest_metadata(&app).await["request_id"], made);
    }
}

#[tokio::test]
async fn every_answer_has_a_name_errors_and_files_too() {
    let app = TestApp::start().await;

    for path in ["/", "/healthz", "/metrics", "/openapi.json", "/docs/", "/nowhere/", "/me/"] {
        let answer = app.get(path).header("x-request-id", "seven").send().await;
        assert_eq!(answer.header("x-request-id"), "seven", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}
