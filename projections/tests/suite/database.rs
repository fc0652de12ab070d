//! A database per test, on the server that `TEST_DATABASE_URL` names.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use domain::Recorded;
use futures::FutureExt;
use log::InlineProjections;
use pool::{PgConnection, PgPool};
use projections::ReadModels;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

/// Runs a test in a database of its own, with every migration applied, and drops it whatever
/// the test's outcome.
pub async fn in_a_database<F: Future<Output = ()>>(
    connections: u32,
    test: impl FnOnce(PgPool) -> F,
) {
    let url = std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL is not set: run `target/debug/vetted services -- cargo test -p projections`",
    );
    let server: PgConnectOptions = url.parse().expect("TEST_DATABASE_URL is a PostgreSQL URL");
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut admin = server.connect().await.expect("the test server answers");
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(&create).execute(&mut admin).await.expect("a database is made");
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect_with(server.database(&name))
        .await
        .expect("the new database answers");
    sqlx::migrate!("../migrations").run(&pool).await.expect("the migrations run");
    let pool = PgPool::from(pool);
    let outcome = AssertUnwindSafe(test(pool.clone())).catch_unwind().await;
    pool.close().await;
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::raw_sql(&drop).execute(&mut admin).await.expect("the database is dropped");
    admin.close().await.expect("the connection ends");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Writes events to the log alone.
pub async fn store(conn: &mut PgConnection, recorded: &[Recorded]) {
    sqlx::query("UPDATE log_head SET position = position + $1")
        .bind(i64::try_from(recorded.len()).unwrap())
        .execute(&mut *conn)
        .await
        .unwrap();
    let strings = |of: &dyn Fn(&Recorded) -> String| recorded.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
         payload, metadata, position, event_id, recorded_at, salt) \
         SELECT kind, id, sequence, event, '1', payload::json, metadata::json, position, \
         gen_random_uuid(), at, decode(repeat('00', 32), 'hex') \
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
         $7::bigint[], $8::timestamptz[]) AS t (kind, id, sequence, event, payload, metadata, position, at)",
    )
    .bind(strings(&|recorded| recorded.stream.kind.to_string()))
    .bind(strings(&|recorded| recorded.stream.id.to_string()))
    .bind(recorded.iter().map(|recorded| recorded.sequence).collect::<Vec<_>>())
    .bind(strings(&|recorded| recorded.event.name().to_owned()))
    .bind(strings(&|recorded| serde_json::to_string(&recorded.event).unwrap()))
    .bind(strings(&|recorded| serde_json::to_string(&recorded.metadata).unwrap()))
    .bind(recorded.iter().map(|recorded| recorded.position).collect::<Vec<_>>())
    .bind(recorded.iter().map(|recorded| recorded.at).collect::<Vec<_>>())
    .execute(conn)
    .await
    .unwrap();
}

/// Appends events as `commands` does: log and read models in one transaction.
pub async fn append(pool: &PgPool, recorded: &[Recorded]) {
    let mut tx = pool.begin().await.unwrap();
    store(&mut tx, recorded).await;
    let folded = ReadModels::default().fold(&mut tx, recorded, &HashMap::new()).await.unwrap();
    for write in folded.writes {
        sqlx::query(&write.sql).bind(write.rows).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}
