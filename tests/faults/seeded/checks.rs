//! What must hold after all that has failed.

use std::collections::{BTreeMap, BTreeSet};

use pool::PgPool;

use super::clients::{History, Outcome};
use super::world::World;
use crate::faults::{lapse, positions_in};
use crate::support::{Mail, eventually};

pub async fn all(world: World, history: &History) {
    let pool = world.app.pool();
    answers_are_right(history);
    log_holds(&pool, history).await;
    // What was tried in vain while the mail server was away waits for minutes by now.
    lapse(&pool).await;
    everything_is_drained(&pool).await;
    let given_up = world.app.run(&["worker", "dead-letters", "list", "--json"]).await.expect(0);
    assert_eq!(given_up.stdout.trim_matches(['[', ']', '\n']), "", "workers gave up");
    mails_are_sent(&world.mails.taken(), history);
    no_transaction_is_open(&pool).await;
    world.app.finish().await;
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

/// Each was sent under one Message-ID, be it more than once.
pub fn mails_are_sent(mails: &[Mail], history: &History) {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mail in mails {
        ids.entry(&mail.to).or_default().insert(&mail.id);
    }
    for email in &history.registered {
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
