//! Everything works through a pooler, in the mode that the program is told of, and in no other.

mod bouncer;

use domain::Role;
use futures::future::join_all;
use futures::stream::{self, StreamExt};

use crate::support::program::Program;
use crate::support::{TestApp, TestDatabase};
use crate::walk;

use bouncer::Bouncer;

/// Hands out another one of the server's connections for each transaction, of at least four.
const CHANGING: &str = "server_round_robin = 1\nmin_pool_size = 4\ndefault_pool_size = 8";
/// As many as the processes of a test open.
const ROOMY: &str = "default_pool_size = 150";
/// What administrators have it drop so that clients can connect at all.
const DROPPING: &str = "ignore_startup_parameters = extra_float_digits, options";

/// The program through a pooler.
async fn start(mode: &str, settings: &str) -> (TestApp, Bouncer) {
    let database = TestDatabase::create().await;
    let bouncer = Bouncer::start(&database, mode, settings).await;
    let (pooled, direct) = (bouncer.url(), database.serving_url.clone());
    let variables = [
        ("DATABASE_URL", pooled.as_str()),
        ("DATABASE_POOLER", mode),
        ("DATABASE_DIRECT_URL", direct.as_str()),
    ];
    (TestApp::start_on(database, &[], &variables).await, bouncer)
}

#[tokio::test]
async fn a_whole_life_goes_through_a_pooler_in_session_mode() {
    let (app, _bouncer) = start("session", ROOMY).await;

    walk::live(&app).await;

    app.finish().await;
}

#[tokio::test]
async fn a_whole_life_goes_through_a_pooler_in_transaction_mode() {
    let (app, _bouncer) = start("transaction", CHANGING).await;

    walk::live(&app).await;

    app.finish().await;
}

#[tokio::test]
async fn of_many_clients_whose_transactions_share_connections_nobody_gets_what_is_anothers() {
    let (app, _bouncer) = start("transaction", CHANGING).await;
    let replica = app.replica().await;
    let staff = app.user(Role::Staff).await;
    let names: Vec<_> = (0..40).map(|number| format!("Category {number}")).collect();

    let made = join_all(names.iter().map(|name| app.category(&staff, name))).await;

    let rounds = stream::iter(made.iter().zip(&names).cycle().take(400));
    let found = rounds.map(async |(id, name)| {
        let path = format!("/categories/{id}/");
        let call = app.request_to(&replica, "GET", &path).by(&staff).send();
        (call.await.expect(200).json["name"].clone(), name)
    });
    let found: Vec<_> = found.buffer_unordered(12).collect().await;
    for (found, name) in found {
        assert_eq!(found, name.as_str());
    }
    app.finish().await;
}

/// What the start of the API says.
async fn refused(bouncer: &Bouncer, pooler: &str) -> String {
    let (url, nats) = (bouncer.url(), crate::support::broker::url());
    let program = Program::new(&[
        ("DATABASE_URL", &url),
        ("DATABASE_POOLER", pooler),
        ("NATS_URL", &nats),
        ("DATA_DIR", "data"),
        ("BIND", "127.0.0.1:0"),
    ]);
    program.run(&["api"]).await.expect(1).stderr
}

#[tokio::test]
async fn a_pooler_that_the_program_was_not_told_of_is_refused() {
    let database = TestDatabase::create().await;

    let strict = Bouncer::start(&database, "session", "").await;
    let told = refused(&strict, "none").await;
    assert!(told.contains("DATABASE_URL") && told.contains("set DATABASE_POOLER"), "{told}");

    let lax = Bouncer::start(&database, "transaction", DROPPING).await;
    let told = refused(&lax, "none").await;
    assert!(told.contains("statement_timeout") || told.contains("jit"), "{told}");
    assert!(told.contains("set DATABASE_POOLER"), "{told}");
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_not_taken_for_one_that_keeps_sessions() {
    let database = TestDatabase::create().await;
    let bouncer = Bouncer::start(&database, "transaction", "").await;

    let told = refused(&bouncer, "session").await;

    assert!(told.contains("set DATABASE_POOLER=transaction"), "{told}");
}

#[tokio::test]
async fn what_takes_a_session_is_refused_where_only_transactions_are_kept() {
    let (mut app, _bouncer) = start("transaction", CHANGING).await;

    app.program.set("DATABASE_DIRECT_URL", "");
    app.program.set("MIGRATION_DATABASE_URL", "");
    for arguments in [&["migrate"][..], &["projections", "rebuild"], &["backup", "copy"]] {
        let told = app.run(arguments).await.expect(1).stderr;
        assert!(told.contains("set DATABASE_DIRECT_URL"), "{arguments:?}: {told}");
    }

    // There is nothing to migrate, so the program itself needs none.
    app.restart().await;
    app.get("/readyz").send().await.expect(200);
    app.finish().await;
}
