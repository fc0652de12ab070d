//! Parts that the program stands on go away and come back.

use std::time::Duration;

use domain::Role;
use futures::future::join_all;
use serde_json::json;

use super::{lapse, positions_are_contiguous, products_are_there_once};
use crate::refusal::refused;
use crate::support::{Proxy, TestApp, TestDatabase, eventually, link_in};

#[tokio::test]
async fn lost_connections_to_the_database_lose_nothing_that_was_answered() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let create = |name: String| {
        let call = app.post("/products/").by(&seller).header("Idempotency-Key", &name);
        call.json(json!({ "name": name, "category_id": category })).send()
    };
    let cut = async || {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'vetted'";
        sqlx::query(cut).execute(&app.pool()).await.unwrap();
    };

    let mut names = vec![];
    for round in 0..5 {
        let of_round: Vec<_> = (0..40).map(|number| format!("{round}.{number}")).collect();
        let creates = join_all(of_round.iter().cloned().map(create));
        let (answers, ()) = tokio::join!(creates, cut());
        for answer in answers {
            if answer.status != 201 {
                assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                refused(answer, 503, "not_ready");
            }
        }
        names.extend(of_round);
    }

    eventually("the database is there again", async || {
        (app.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
    lapse(&app.pool()).await;
    for name in &names {
        create(name.clone()).await.expect(201);
    }
    products_are_there_once(&app, names).await;
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn connections_that_were_cut_while_they_rested_fail_no_request() {
    let database = TestDatabase::create().await;
    let (proxy, url) = Proxy::before_database(&database.serving_url).await;
    let app = TestApp::start_on(database, &[], &[("DATABASE_URL", &url)]).await;
    let seller = app.user(Role::EndUser).await;
    let list = || app.get("/products/").by(&seller).send();
    for answer in join_all((0..60).map(|_| list())).await {
        answer.expect(200);
    }

    proxy.close();
    eventually("every connection is cut", async || {
        let open = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'vetted'";
        let open: i64 = sqlx::query_scalar(open).fetch_one(&app.pool()).await.unwrap();
        (open == 0).then_some(())
    })
    .await;
    proxy.open();
    // Longer than a connection has to rest before it is asked.
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    for _ in 0..30 {
        list().await.expect(200);
    }
}

#[tokio::test]
async fn a_stream_that_the_broker_lost_is_filled_again() {
    let app = TestApp::start().await;
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": "a lamp in every window" });
        app.post("/register/").json(body).send().await.expect(201);
    };
    register("ada@example.com").await;
    app.mail_to("ada@example.com").await;

    app.lose_stream();
    register("bob@example.com").await;

    app.get(&link_in(&app.mail_to("bob@example.com").await)).send().await.expect(200);
    assert_eq!(app.mails("ada@example.com").len(), 1);
}

#[tokio::test]
async fn what_a_full_broker_does_not_take_is_counted_and_comes_later() {
    let app = TestApp::start().await;
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": "a lamp in every window" });
        app.post("/register/").json(body).send().await.expect(201);
    };
    let lag = async || {
        let text = app.get("/metrics").send().await.expect(200);
        let text = String::from_utf8(text.bytes).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("vetted_relay_lag_events "));
        line.and_then(|number| number.parse::<f64>().ok())
    };
    register("ada@example.com").await;
    app.mail_to("ada@example.com").await;

    app.set_stream_full(true).await;
    register("bob@example.com").await;
    eventually("the lag is told", async || lag().await.filter(|lag| *lag > 0.0)).await;

    app.set_stream_full(false).await;
    app.mail_to("bob@example.com").await;
    eventually("there is no lag", async || lag().await.filter(|lag| *lag == 0.0)).await;
}
