//! The all-in-one program is killed, and started again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Role;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{claims_lapse, positions_are_contiguous, products_are_there_once};
use crate::support::{Call, Person, TestApp, eventually, link_in, video};

const CLIENTS: usize = 16;
/// Answers to be had before the program is killed.
const ENOUGH: usize = 300;

/// What a client sent, and the id in the answer if there was one.
type Sent = BTreeMap<String, Option<String>>;

fn create(category: &str, key: &str) -> Value {
    json!({ "name": key, "category_id": category })
}

/// Creates products, each under a key of its own, until the program is gone.
async fn creates_until_it_is_gone(
    client: reqwest::Client,
    url: String,
    seller: Person,
    category: String,
    (number, answered): (usize, Arc<AtomicUsize>),
) -> Sent {
    let mut sent = Sent::new();
    for round in 0.. {
        let key = format!("client {number}, no. {round}");
        let call = Call::new(&client, "POST", &url).by(&seller).header("Idempotency-Key", &key);
        let Ok(answer) = call.json(create(&category, &key)).try_send().await else {
            sent.insert(key, None);
            break;
        };
        let answer = answer.expect(201);
        sent.insert(key, answer.json["id"].as_str().map(str::to_owned));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    sent
}

#[tokio::test]
async fn whatever_was_answered_before_a_crash_is_there_exactly_once() {
    let mut app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(creates_until_it_is_gone(
            app.client.clone(),
            app.url("/products/"),
            seller.clone(),
            category.clone(),
            (number, Arc::clone(&answered)),
        ));
    }
    eventually("enough is answered", async || {
        (answered.load(Ordering::Relaxed) >= ENOUGH).then_some(())
    })
    .await;

    app.kill();
    let sent: Sent = clients.join_all().await.into_iter().flatten().collect();
    app.restart().await;

    for (key, id) in &sent {
        // What was under way when the program died is claimed for some seconds more.
        let again = eventually("the key is free, or its answer there", async || {
            let call = app.post("/products/").by(&seller).header("Idempotency-Key", key);
            let answer = call.json(create(&category, key)).send().await;
            (answer.code() != "idempotency_in_progress").then(|| answer.expect(201))
        })
        .await;
        if let Some(id) = id {
            assert_eq!(again.json["id"], id.as_str());
            assert_eq!(again.header("idempotent-replayed"), "true");
        }
    }
    products_are_there_once(&app, sent.into_keys()).await;
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_mail_is_sent_after_a_crash_and_no_mail_twice() {
    let mut app = TestApp::start().await;
    let addresses: Vec<_> = (0..5).map(|number| format!("ada{number}@example.com")).collect();
    for address in &addresses {
        let body = json!({ "email": address, "password": "a lamp in every window" });
        app.post("/register/").json(body).send().await.expect(201);
    }

    app.kill();
    claims_lapse(&app).await;
    app.restart().await;

    for address in &addresses {
        let mail = app.mail_to(address).await;
        app.get(&link_in(&mail)).send().await.expect(200);
        app.sign_in(address, "a lamp in every window").await;
    }
    for address in &addresses {
        assert_eq!(app.mails(address).len(), 1);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_video_is_finished_though_the_program_died_on_it() {
    let mut app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::silent(120)).await;
    eventually("the finalizer has begun", async || {
        let jobs = "SELECT count(*) FROM video_jobs WHERE attempts > 0";
        let jobs: i64 = sqlx::query_scalar(jobs).fetch_one(&app.pool()).await.unwrap();
        (jobs > 0).then_some(())
    })
    .await;

    app.kill();
    claims_lapse(&app).await;
    app.restart().await;

    let seen = app.processed(&seller, &product).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    let whole = app.get(&format!("/products/{product}/video/")).by(&seller).send().await;
    assert_eq!(whole.expect(200).bytes.len().to_string(), seen["video"]["size"].to_string());
    let finished = "SELECT count(*) FROM events WHERE event_type = 'VideoFinalized'";
    let finished: i64 = sqlx::query_scalar(finished).fetch_one(&app.pool()).await.unwrap();
    assert_eq!(finished, 1);
    app.finish().await;
}

#[tokio::test]
async fn told_to_end_the_program_answers_what_it_has_begun_and_ends_well() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let mut app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    app.category(&staff, "Lamps").await;
    let process = Pid::from_raw(i32::try_from(app.server().id()).unwrap());

    kill(process, Signal::SIGTERM).unwrap();

    let status = eventually("it ends", async || app.server().status()).await;
    assert!(status.success(), "{status}: {}", app.stderr());
}
