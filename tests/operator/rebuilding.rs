//! A rebuild of read models that is killed, or held up.

use pool::PgPool;
use serde_json::Value;

use crate::support::{TestApp, eventually};

async fn left(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relname LIKE '%\\_rebuilt' ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn told(app: &TestApp) -> Value {
    app.get("/readyz").send().await.expect(200).json["checks"]["rebuilds"].clone()
}

#[tokio::test]
async fn what_a_killed_rebuild_left_is_named_until_the_next_start_drops_it() {
    let mut app = TestApp::start().await;
    let pool = app.pool();
    assert_eq!(told(&app).await, "ok");
    // Holds the rebuild up where its tables are to take over.
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM log_head FOR UPDATE").execute(&mut *held).await.unwrap();
    let mut rebuild = app.spawn(&["projections", "rebuild"]);
    eventually("the tables are made", async || (left(&pool).await.len() == 5).then_some(())).await;
    assert_eq!(told(&app).await, "ok", "it is running");

    rebuild.kill().unwrap();
    rebuild.wait().unwrap();
    held.rollback().await.unwrap();

    eventually("what was left is named", async || {
        let told = told(&app).await;
        told.as_str()
            .is_some_and(|told| told.contains("products, categories, orders, users"))
            .then_some(())
    })
    .await;
    app.restart().await;
    assert_eq!(left(&pool).await, [""; 0]);
    assert_eq!(told(&app).await, "ok");
    app.run(&["projections", "rebuild"]).await.expect(0);
    app.run(&["projections", "verify"]).await.expect(0);
    app.finish().await;
}

/// Whether a statement waits for the log's head.
async fn waits_for_head(pool: &PgPool) -> bool {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE '%log_head FOR UPDATE')",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_rebuild_that_waits_for_the_log_in_vain_tries_again() {
    let app = TestApp::start().await;
    let pool = app.pool();
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM log_head FOR UPDATE").execute(&mut *held).await.unwrap();

    let mut rebuild = app.spawn(&["projections", "rebuild"]);

    eventually("it waits", async || waits_for_head(&pool).await.then_some(())).await;
    eventually("it gives way", async || (!waits_for_head(&pool).await).then_some(())).await;
    held.rollback().await.unwrap();
    let status = tokio::task::spawn_blocking(move || rebuild.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(left(&pool).await, [""; 0]);
    app.finish().await;
}
