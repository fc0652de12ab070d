//! What is promised when processes die, clients hang up and replicas race.

mod clocks;
mod cluster;
mod crashes;
mod durability;
mod hang_ups;
mod losses;
mod mails;
mod outages;
mod overload;
mod replicas;
pub mod seeded;
mod standby;
mod videos;

use std::collections::BTreeMap;

use pool::PgPool;

use crate::support::{TestApp, eventually};

/// Nothing is missing and nothing is twice in the log.
async fn positions_are_contiguous(app: &TestApp) {
    positions_in(&app.pool()).await;
}

/// Read at one moment: workers may append meanwhile.
async fn positions_in(pool: &PgPool) {
    let log =
        "SELECT array_agg(position ORDER BY position), (SELECT position FROM log_head) FROM events";
    let (positions, head): (Vec<i64>, i64) = sqlx::query_as(log).fetch_one(pool).await.unwrap();
    let last = i64::try_from(positions.len()).unwrap();
    assert_eq!(positions, (1..=last).collect::<Vec<_>>());
    assert_eq!(head, last);
}

/// There is one product of each of these names.
async fn products_are_there_once(app: &TestApp, names: impl IntoIterator<Item = String>) {
    let counted: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, count(*) FROM products GROUP BY name")
            .fetch_all(&app.pool())
            .await
            .unwrap();
    let once: BTreeMap<_, _> = names.into_iter().map(|name| (name, 1)).collect();
    assert_eq!(counted.into_iter().collect::<BTreeMap<_, _>>(), once);
}

/// Time passes: what a dead process had claimed, for seconds or minutes, is free again.
async fn claims_lapse(app: &TestApp) {
    eventually("what was on its way to the database has come to an end", async || {
        let sessions = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'vetted'";
        let left: i64 = sqlx::query_scalar(sessions).fetch_one(&app.pool()).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    lapse(&app.pool()).await;
}

async fn lapse(pool: &PgPool) {
    for lapse in [
        "UPDATE idempotency_keys SET locked_until = now() - interval '1 s'",
        "UPDATE leases SET until = now() - interval '1 s'",
        "UPDATE effects SET due_at = now() - interval '1 s' WHERE handled_at IS NULL",
        "UPDATE video_jobs SET lease_until = now() - interval '1 s'",
    ] {
        sqlx::query(lapse).execute(pool).await.unwrap();
    }
}
