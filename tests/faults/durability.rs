//! What a worker has committed is there after the database was killed.

use crate::support::child::Scratch;
use crate::support::postgres::Server;
use crate::support::{TestApp, TestDatabase, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_a_worker_has_taken_outlives_the_database() {
    let scratch = Scratch::new();
    let mut server = Server::new(&scratch, "database");
    server.create().await;
    // What a commit does not write to the disk itself stays in memory for long.
    server.configure(&["wal_writer_delay = '10s'".to_owned()]);
    server.start().await;
    let database = TestDatabase::at(&server.url("postgres")).await;
    let app = TestApp::start_on(database, &["api"], &[]).await;
    let pool = app.pool();
    let fence = "SELECT fence FROM leases WHERE name = 'relay'";
    let fence = async || sqlx::query_scalar::<_, i64>(fence).fetch_optional(&pool).await.ok()?;

    let worker = app.program.serve(&["worker"]).await;
    let taken = eventually("the worker has the lease", &fence).await;
    server.kill();

    drop(worker);
    server.start().await;
    assert_eq!(eventually("the database answers", &fence).await, taken);
}
