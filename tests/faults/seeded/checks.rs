//! What must hold after all that has failed.

use std::collections::{BTreeMap, BTreeSet};

use pool::PgPool;

use super::clients::{History, Outcome};
use super::leftovers;
use super::world::World;
use crate::faults::{lapse, positions_in};
use crate::support::{Mail, REFUSED_DOMAIN, eventually};

pub async fn all(world: &mut World, history: &History) {
    let pool = world.database.pool.clone();
    answers_are_right(history);
    log_holds(&pool, history).await;
    // What was tried in vain while the mail server was away waits for minutes by now.
    lapse(&pool).await;
    everything_is_drained_soon(&pool).await;
    videos_are_finished_once(&pool).await;
    only_refused_mails_were_given_up(&pool, history).await;
    mails_are_sent(&world.mail.server.taken(), history);
    no_transaction_is_open(&pool).await;
    no_lease_is_stuck(&pool).await;
    let app = &world.processes.app;
    app.run(&["projections", "verify", "--json"]).await.expect(0);
    leftovers::files_belong_to_products(app, &world.storage.bucket, &pool).await;
    let folder = app.program.folder().to_owned();
    leftovers::no_process_is_left(&world.processes.ids(), &folder).await;
}

/// Something was done, and no answer was 5xx but 503 with `Retry-After`.
pub fn answers_are_right(history: &History) {
    let known = history.products.values().filter(|outcome| **outcome != Outcome::Unknown).count();
    let (products, registered) = (history.products.len(), history.registered.len());
    eprintln!("{known} of {products} products and {registered} registrations were answered");
    assert!(known > 0 && registered > 0, "the clients did nothing");
    assert_eq!(history.wrong, Vec::<String>::new(), "answers that nothing should lead to");
}

/// What was answered is there once, what was not once or not at all, and nothing has a gap.
pub async fn log_holds(pool: &PgPool, history: &History) {
    products_are_there_as_told(pool, history).await;
    positions_in(pool).await;
    sequences_are_contiguous(pool).await;
}

async fn products_are_there_as_told(pool: &PgPool, history: &History) {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, id::text FROM products").fetch_all(pool).await.unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, id) in rows {
        found.entry(name).or_default().push(id);
    }
    for (name, outcome) in &history.products {
        let ids = found.remove(name).unwrap_or_default();
        match outcome {
            Outcome::Done(id) => assert_eq!(ids, [id.as_str()], "{name}"),
            Outcome::Unknown => assert!(ids.len() <= 1, "{name}: {ids:?}"),
        }
    }
    assert!(found.is_empty(), "nobody sent these: {found:?}");
}

async fn sequences_are_contiguous(pool: &PgPool) {
    let gaps = "SELECT count(*) FROM (SELECT aggregate_id FROM events GROUP BY aggregate_type, aggregate_id
                HAVING min(sequence) <> 1 OR max(sequence) <> count(*)) streams";
    let gaps: i64 = sqlx::query_scalar(gaps).fetch_one(pool).await.unwrap();
    assert_eq!(gaps, 0);
}

/// The relay and the workers are through with everything.
pub async fn everything_is_drained(pool: &PgPool) {
    let left = "SELECT (SELECT count(*) FROM effects WHERE handled_at IS NULL)
                     + (SELECT count(*) FROM checkpoints, log_head
                        WHERE subscriber IN ('relay', 'mailer') AND checkpoints.position < log_head.position)";
    eventually("the relay and the workers are through", async || {
        let left: i64 = sqlx::query_scalar(left).fetch_one(pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// The same, and what waits after failing does not wait for minutes. What is being tried is left alone: a claim
/// lasts for half a minute.
async fn everything_is_drained_soon(pool: &PgPool) {
    let drained = everything_is_drained(pool);
    let mut drained = std::pin::pin!(drained);
    loop {
        let hurry = "UPDATE effects SET due_at = now()
                     WHERE handled_at IS NULL AND due_at > now() + interval '31 s'";
        sqlx::query(hurry).execute(pool).await.unwrap();
        if tokio::time::timeout(std::time::Duration::from_secs(1), &mut drained).await.is_ok() {
            return;
        }
    }
}

/// Each client that was answered has a product whose video was finished, once.
async fn videos_are_finished_once(pool: &PgPool) {
    eventually("no video is being finished", async || {
        let left = "SELECT (SELECT count(*) FROM products WHERE processing_status = 'PROCESSING')
                         + (SELECT count(*) FROM video_jobs)";
        let left: i64 = sqlx::query_scalar(left).fetch_one(pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    let wrong = "SELECT products.name, count(events) FILTER (WHERE event_type = 'VideoFinalized'),
                     count(events) FILTER (WHERE event_type = 'VideoFailed')
                 FROM products LEFT JOIN events ON aggregate_id = products.id::text
                 WHERE video IS NOT NULL GROUP BY products.id
                 HAVING count(events) FILTER (WHERE event_type = 'VideoFinalized') <> 1
                     OR count(events) FILTER (WHERE event_type = 'VideoFailed') <> 0";
    let wrong: Vec<(String, i64, i64)> = sqlx::query_as(wrong).fetch_all(pool).await.unwrap();
    assert_eq!(wrong, [], "products, how often their video was finished and how often it failed");
}

fn is_refused(email: &str) -> bool {
    email.ends_with(&format!("@{REFUSED_DOMAIN}"))
}

/// What the mail server refuses for good is laid before an operator, and nothing else is.
async fn only_refused_mails_were_given_up(pool: &PgPool, history: &History) {
    let letters = "SELECT subscriber, coalesce(email, ''), last_error FROM dead_letters
                   JOIN events USING (event_id) LEFT JOIN users ON users.id::text = aggregate_id
                   WHERE retried_at IS NULL";
    let letters: Vec<(String, String, String)> =
        sqlx::query_as(letters).fetch_all(pool).await.unwrap();
    let is_right = |subscriber: &str, email: &str| subscriber == "mailer" && is_refused(email);
    let wrong: Vec<_> =
        letters.iter().filter(|(subscriber, email, _)| !is_right(subscriber, email)).collect();
    assert!(wrong.is_empty(), "workers gave up: {wrong:?}");
    let given_up: BTreeSet<_> = letters.iter().map(|(_, email, _)| email.as_str()).collect();
    let refused = history.registered.iter().filter(|email| is_refused(email));
    let missing: Vec<_> = refused.filter(|email| !given_up.contains(email.as_str())).collect();
    assert!(missing.is_empty(), "an operator is not told that these got no mail: {missing:?}");
}

/// What a process that was killed held is free again, or another one's.
pub async fn no_lease_is_stuck(pool: &PgPool) {
    eventually("no lease is stuck", async || {
        let stuck = "SELECT (SELECT count(*) FROM video_jobs WHERE lease_until > now())
            + (SELECT count(*) FROM uploads WHERE lease_until > now())
            + (SELECT count(*) FROM idempotency_keys WHERE outcome IS NULL AND locked_until > now())";
        let stuck: i64 = sqlx::query_scalar(stuck).fetch_one(pool).await.unwrap();
        (stuck == 0).then_some(())
    })
    .await;
}

/// Each was sent under one Message-ID, be it more than once.
pub fn mails_are_sent(mails: &[Mail], history: &History) {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mail in mails {
        ids.entry(&mail.to).or_default().insert(&mail.id);
    }
    for email in history.registered.iter().filter(|email| !is_refused(email)) {
        let sent = ids.iter().find(|(to, _)| to.contains(&format!("<{email}>")));
        let (_, ids) = sent.unwrap_or_else(|| panic!("{email} got no mail"));
        assert_eq!(ids.len(), 1, "{email} got different mails: {ids:?}");
    }
}

pub async fn no_transaction_is_open(pool: &PgPool) {
    eventually("no transaction is left open", async || {
        let open = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        let open: i64 = sqlx::query_scalar(open).fetch_one(pool).await.unwrap();
        (open == 0).then_some(())
    })
    .await;
}
