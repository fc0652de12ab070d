//! What must hold in containers after each fault (I1 to I7 of `make test-faults`), and what only they have:
//! volumes, and processes that outlive their parents.

use std::collections::BTreeSet;

use pool::PgPool;
use serde_json::Value;

use super::say;
use super::stack::{Stack, done};
use crate::faults::seeded::checks as seeded;
use crate::faults::seeded::clients::History;
use crate::support::{Mail, eventually};

/// Says what it has found. Nothing makes time pass: leases and pauses end by themselves.
pub async fn all(stack: &Stack, pool: &PgPool, services: &Services, history: &History) {
    seeded::answers_are_right(history);
    videos_are_finished(pool).await;
    seeded::everything_is_drained(pool).await;
    seeded::log_holds(pool, history).await;
    nothing_was_given_up(stack, services).await;
    seeded::mails_are_sent(&mails(stack).await, history);
    read_models_are_a_fresh_fold(stack, services).await;
    seeded::no_transaction_is_open(pool).await;
    seeded::no_lease_is_stuck(pool).await;
    let files = files_belong_to_products(stack, pool, services).await;
    no_process_is_a_zombie(stack).await;
    say(&format!(
        "I1-I7 hold: {} events, {files} files; {} requests so far, {} put off (503), {} unanswered",
        count(pool, "SELECT count(*) FROM events").await,
        history.sent,
        history.put_off,
        history.unanswered
    ));
}

/// The names of the two roles in a compose file.
pub struct Services {
    pub api: &'static str,
    pub worker: &'static str,
}

async fn count(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

async fn videos_are_finished(pool: &PgPool) {
    eventually("every video is finished", async || {
        let processing = "SELECT count(*) FROM products WHERE processing_status = 'PROCESSING'";
        (count(pool, processing).await == 0).then_some(())
    })
    .await;
    let failed = "SELECT count(*) FROM products WHERE processing_status = 'FAILED'";
    assert_eq!(count(pool, failed).await, 0, "videos were refused");
}

async fn nothing_was_given_up(stack: &Stack, services: &Services) {
    let list = ["worker", "dead-letters", "list", "--json"];
    let given_up = stack.vetted("", services.worker, &list).await;
    assert_eq!(given_up.trim_matches(['[', ']', '\n']), "", "workers gave up");
}

async fn read_models_are_a_fresh_fold(stack: &Stack, services: &Services) {
    stack.vetted("", services.api, &["projections", "verify"]).await;
}

/// Once the sweeper was there, each file in the storage is of a product that has a video.
async fn files_belong_to_products(stack: &Stack, pool: &PgPool, services: &Services) -> usize {
    stack.vetted("", services.worker, &["worker", "sweep", "--older-than", "0"]).await;
    let find = ["exec", "-T", services.worker, "find", "/var/lib/vetted/media", "-type", "f"];
    let found = stack.compose(&find).await;
    let files = ["/uploads/", "/originals/", "/unfinished/", "/videos/", "/posters/", "/sprites/"];
    let files: Vec<_> =
        found.lines().filter(|file| files.iter().any(|folder| file.contains(folder))).collect();

    let known = "SELECT video ->> 'upload' FROM products WHERE video IS NOT NULL";
    let known: Vec<String> = sqlx::query_scalar(known).fetch_all(pool).await.unwrap();
    let orphans: Vec<_> =
        files.iter().filter(|file| !known.iter().any(|upload| file.contains(upload))).collect();
    assert!(orphans.is_empty(), "nothing refers to {orphans:?}");
    let videos = files.iter().filter(|file| file.contains("/videos/")).count();
    assert_eq!(videos, known.len(), "each product with a video has one file of it");
    files.len()
}

async fn no_process_is_a_zombie(stack: &Stack) {
    let ids = stack.compose(&["ps", "--quiet"]).await;
    let running: BTreeSet<&str> = ids.split_whitespace().collect();
    for id in running {
        if super::stack::inspect(id).await["State"]["Running"] == true {
            let processes = done("docker", &["top", id, "-eo", "stat,pid,args"]).await;
            let zombie = processes.lines().find(|line| line.starts_with('Z'));
            assert_eq!(zombie, None, "{processes}");
        }
    }
}

/// What the mail catcher has taken, by its API.
async fn mails(stack: &Stack) -> Vec<Mail> {
    let base = format!("http://127.0.0.1:{}/api/v1/messages", stack.variable("MAIL_PORT"));
    let answer = reqwest::get(format!("{base}?limit=1000000")).await.unwrap();
    let listed: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let mail = |mail: &Value| Mail {
        id: mail["MessageID"].as_str().unwrap().to_owned(),
        to: format!("<{}>", mail["To"][0]["Address"].as_str().unwrap()),
    };
    listed["messages"].as_array().unwrap().iter().map(mail).collect()
}
