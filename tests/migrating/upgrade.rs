//! Requests that go on while something else happens, and an upgrade from another version's binary.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::Role;
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::program::BINARY;
use crate::support::{Call, Person, TestApp, TestDatabase, eventually};
use crate::walk;

/// Clients that read and write until they are told to end.
pub(super) struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

/// Rounds that follow a moment before it is passed.
const ROUNDS: usize = 40;

impl Load {
    /// Of processes at these addresses.
    pub(super) async fn start(app: &TestApp, bases: &[String]) -> Self {
        let staff = app.user(Role::Staff).await;
        let (is_over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients =
            bases.iter().cycle().take(2 * bases.len()).enumerate().map(|(number, base)| {
                let one = OfLoad {
                    client: app.client.clone(),
                    base: base.clone(),
                    number,
                    staff: staff.clone(),
                    is_over: Arc::clone(&is_over),
                    answered: Arc::clone(&answered),
                };
                tokio::spawn(one.run())
            });
        Self { clients: clients.collect(), is_over, answered }
    }

    /// Waits until more was answered.
    pub(super) async fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("requests go on", async || {
            (self.answered.load(Ordering::Relaxed) >= before + ROUNDS).then_some(())
        })
        .await;
    }

    /// What was answered with an error of the server's, or not at all.
    pub(super) async fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut failed = vec![];
        for client in self.clients {
            failed.extend(client.await.unwrap());
        }
        failed
    }
}

struct OfLoad {
    client: Client,
    base: String,
    number: usize,
    staff: Person,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl OfLoad {
    async fn run(self) -> Vec<String> {
        let mut failed = vec![];
        for round in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let name = json!({ "name": format!("Category {} {round}", self.number) });
            failed.extend(self.ask(self.call("POST", "/categories/").json(name)).await);
            for path in ["/products/", "/categories/", "/orders/", "/users/"] {
                failed.extend(self.ask(self.call("GET", path)).await);
            }
        }
        failed
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.base)).by(&self.staff)
    }

    async fn ask(&self, call: Call) -> Option<String> {
        let answer = call.try_send().await;
        self.answered.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) if answer.status < 500 => None,
            other => Some(format!("{other:?}")),
        }
    }
}

/// `make test-upgrade` names the binary.
#[tokio::test]
#[ignore = "needs another version's binary: make test-upgrade"]
async fn a_version_serves_without_an_error_beside_the_one_before_it() {
    let previous = std::env::var("PREVIOUS_BINARY").expect("the path of another version's binary");
    let database = TestDatabase::empty().await;
    let mut app = TestApp::start_on(database, &[], &[("TEST_BINARY", &previous)]).await;
    let before = Load::start(&app, &[app.url("")]).await;
    before.goes_on().await;

    app.program.set("TEST_BINARY", BINARY);
    app.run(&["migrate"]).await.expect(0);
    before.goes_on().await;
    let replica = app.replica().await;
    let after = Load::start(&app, &[replica.base().to_owned()]).await;
    after.goes_on().await;
    before.goes_on().await;

    assert_eq!(before.end().await, Vec::<String>::new());
    assert_eq!(after.end().await, Vec::<String>::new());
    // The version before starts again although the database is ahead of it.
    app.program.set("TEST_BINARY", &previous);
    app.restart().await;
    walk::live(&app).await;
    app.program.set("TEST_BINARY", BINARY);
    app.restart().await;
    app.finish().await;
}
