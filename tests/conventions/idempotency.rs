//! `Idempotency-Key`: races, faults, and anonymous callers.

use domain::Role;
use futures::future::join_all;
use futures::{SinkExt, StreamExt, channel::mpsc};
use pool::PgPool;
use serde_json::json;

use super::{Shop, each};
use crate::refusal::refused;
use crate::support::{Answer, TestApp, eventually, id};

async fn is_claimed(pool: &PgPool, key: &str) -> bool {
    let claimed = "SELECT EXISTS (SELECT FROM idempotency_keys WHERE key = $1)";
    sqlx::query_scalar(claimed).bind(key).fetch_one(pool).await.unwrap()
}

/// A `POST /products/` with a key, whose form has come half.
struct Slow {
    half: mpsc::Sender<Vec<u8>>,
    sent: tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
    category: String,
}

impl Slow {
    /// Begins, and waits until the key is claimed.
    async fn begin(shop: &Shop, key: &str) -> Self {
        let (mut half, rest) = mpsc::channel::<Vec<u8>>(1);
        let body = reqwest::Body::wrap_stream(rest.map(Ok::<_, std::io::Error>));
        let request = shop.app.client.post(shop.app.url("/products/"));
        let request = request.bearer_auth(&shop.seller.access);
        let request = request
            .header("content-type", "multipart/form-data; boundary=b")
            .header("idempotency-key", key);
        let sent = tokio::spawn(request.body(body).send());
        half.send(Self::part("name", "Lamp").into_bytes()).await.unwrap();
        let pool = shop.app.pool();
        eventually("the key is claimed", async || is_claimed(&pool, key).await.then_some(())).await;
        Self { half, sent, category: shop.category.clone() }
    }

    fn part(name: &str, text: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    }

    /// Sends the rest; the status of the answer.
    async fn end(mut self) -> reqwest::StatusCode {
        let last = format!("{}--b--\r\n", Self::part("category_id", &self.category));
        self.half.send(last.into_bytes()).await.unwrap();
        drop(self.half);
        self.sent.await.unwrap().unwrap().status()
    }
}

/// The same key once more.
async fn repeat(shop: &Shop, key: &str) -> Answer {
    let second = shop.app.post("/products/").by(&shop.seller).json(json!({}));
    second.header("idempotency-key", key).send().await
}

#[tokio::test]
async fn while_the_first_is_running_the_second_is_told_so() {
    let shop = Shop::open().await;
    let first = Slow::begin(&shop, "slow").await;

    refused(repeat(&shop, "slow").await, 409, "idempotency_in_progress");
    let pool = shop.app.pool();
    let claimed_until = async || -> time::OffsetDateTime {
        let until = "SELECT locked_until FROM idempotency_keys WHERE key = 'slow'";
        sqlx::query_scalar(until).fetch_one(&pool).await.unwrap()
    };
    let at_first = claimed_until().await;
    eventually("the claim is renewed", async || (claimed_until().await > at_first).then_some(()))
        .await;
    refused(repeat(&shop, "slow").await, 409, "idempotency_in_progress");

    assert_eq!(first.end().await, 201);
    assert_eq!(each(&shop.get("/products/", &shop.seller).await, "name"), ["Lamp"]);
}

#[tokio::test]
async fn what_another_request_has_claimed_meanwhile_is_not_carried_out() {
    let shop = Shop::open().await;
    let first = Slow::begin(&shop, "slow").await;
    // As after a stall of its process.
    sqlx::query("UPDATE idempotency_keys SET claim = gen_random_uuid()")
        .execute(&shop.app.pool())
        .await
        .unwrap();

    assert_eq!(first.end().await, 409);
    assert!(each(&shop.get("/products/", &shop.seller).await, "name").is_empty());
}

#[tokio::test]
async fn an_act_whose_answer_was_lost_is_answered_at_once() {
    let shop = Shop::open().await;
    let post = || {
        let body = json!({"name": "Chair", "category_id": shop.category});
        let post = shop.app.post("/products/").by(&shop.seller).json(body);
        post.header("idempotency-key", "lost").send()
    };
    let first = post().await.expect(201);
    // As after a crash right behind the commit.
    sqlx::query(
        "UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL,
             fingerprint = NULL, locked_until = now() + interval '1 hour'",
    )
    .execute(&shop.app.pool())
    .await
    .unwrap();

    let second = post().await.expect(201);

    assert_eq!((id(&second), second.header("idempotent-replayed")), (id(&first), "true"));
}

#[tokio::test]
async fn of_many_at_once_one_is_done_and_none_fails() {
    let shop = Shop::open().await;
    let body = json!({"name": "Chair", "category_id": shop.category});
    let post = || {
        let post = shop.app.post("/products/").by(&shop.seller).json(body.clone());
        post.header("idempotency-key", "many").send()
    };

    let answers = join_all((0..12).map(|_| post())).await;

    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(id).collect();
    assert!(!made.is_empty() && made.iter().all(|other| *other == made[0]), "{made:?}");
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        refused(answer, 409, "idempotency_in_progress");
    }
    assert_eq!(each(&shop.get("/products/", &shop.seller).await, "id"), [&made[0]]);
}

#[tokio::test]
async fn a_fault_is_not_kept_and_the_same_request_works_later() {
    let shop = Shop::open().await;
    let pool = shop.app.pool();
    let post = || {
        let post = shop.app.post("/categories/").by(&shop.staff).json(json!({"name": "Chairs"}));
        post.header("idempotency-key", "faulty").send()
    };
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''refused''; END';
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();",
    )
    .execute(&pool)
    .await
    .unwrap();

    let failed = refused(post().await, 500, "internal_error");
    sqlx::raw_sql("DROP TRIGGER refuse ON events").execute(&pool).await.unwrap();
    let done = post().await.expect(201);

    assert!(!failed.json.to_string().contains("refused"), "{}", failed.json);
    assert_eq!(done.header("idempotent-replayed"), "");
    assert_eq!(post().await.expect(201).header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn a_key_works_before_signing_in_too() {
    let app = TestApp::start().await;
    let body = json!({"email": "ann@example.com", "password": "three green lamps"});
    let register =
        || app.post("/register/").json(body.clone()).header("idempotency-key", "ann").send();

    let (first, second) = (register().await.expect(201), register().await.expect(201));

    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(first.bytes, second.bytes);
    let registered = "SELECT count(*) FROM events WHERE aggregate_type ILIKE 'user'";
    let registered: i64 = sqlx::query_scalar(registered).fetch_one(&app.pool()).await.unwrap();
    assert_eq!(registered, 1, "nothing was repeated");
}

#[tokio::test]
async fn strangers_with_the_same_key_neither_see_nor_block_each_other() {
    let proxies = [("TRUSTED_PROXIES", "127.0.0.0/8")];
    let app = TestApp::start_with(&proxies).await;
    let replica = app.replica().await;
    let register = |from: &str, email: &str| {
        let body = json!({"email": email, "password": "three green lamps"});
        let call = app.request_to(&replica, "POST", "/register/").json(body);
        call.header("x-forwarded-for", from).header("idempotency-key", "1").send()
    };
    register("192.0.2.1", "ann@example.com").await.expect(201);

    let bob = register("198.51.100.2", "bob@example.com").await.expect(201);
    let neighbour = register("2001:db8::1", "eve@example.com").await.expect(201);

    for stranger in [bob, neighbour] {
        assert_eq!(stranger.header("idempotent-replayed"), "");
    }
    let ann = register("192.0.2.1", "ann@example.com").await.expect(201);
    assert_eq!(ann.header("idempotent-replayed"), "true");
    // One /64 is one client's.
    let eve = register("2001:db8::2", "eve@example.com").await.expect(201);
    assert_eq!(eve.header("idempotent-replayed"), "true");
    let other = register("192.0.2.1", "bob@example.com").await;
    refused(other, 422, "idempotency_key_reused");
    // A key counts per endpoint, and no address is kept with it.
    let reset = app.request_to(&replica, "POST", "/password/reset/");
    let reset = reset.json(json!({"email": "ann@example.com"})).header("idempotency-key", "1");
    reset.header("x-forwarded-for", "192.0.2.1").send().await.expect(202);
    let kept = "SELECT string_agg(row_to_json(k)::text, ' ') FROM idempotency_keys k";
    let kept: String = sqlx::query_scalar(kept).fetch_one(&app.pool()).await.unwrap();
    assert!(!kept.contains("192.0.2") && !kept.contains("2001:db8"), "{kept}");
}

#[tokio::test]
async fn events_hold_a_digest_of_the_key_which_is_the_same_for_its_owner_alone() {
    let shop = Shop::open().await;
    let admin = shop.app.user(Role::Admin).await;
    let post = |by, key, name| {
        let post = shop.app.post("/categories/").by(by).json(json!({ "name": name }));
        post.header("idempotency-key", key).send()
    };
    post(&shop.staff, "ann@example.com", "Chairs").await.expect(201);
    post(&admin, "ann@example.com", "Tables").await.expect(201);
    post(&shop.staff, "another", "Shelves").await.expect(201);

    let newest = "SELECT metadata ->> 'idempotency_key' FROM events ORDER BY position DESC LIMIT 3";
    let keys: Vec<String> = sqlx::query_scalar(newest).fetch_all(&shop.app.pool()).await.unwrap();

    assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 3, "{keys:?}");
    for key in keys {
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
}
