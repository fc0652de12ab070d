//! An honest client under silent connections from many addresses. `make flood` plays the long
//! version, and prints what it costs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::Role;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{address, connect_from};
use crate::support::{Person, TestApp, eventually};

struct Plan {
    connections: usize,
    requests: usize,
}

const SHORT: Plan = Plan { connections: 500, requests: 100 };
const LONG: Plan = Plan { connections: 5000, requests: 1000 };
/// Connections of one address.
const MAX_PER_ADDRESS: usize = 100;
const ROUNDS: usize = 5;
/// What attackers may cost an honest client.
const FACTOR: f64 = 2.0;

/// Holds that many connections open, on a thread of its own, for as long as the value lives.
struct Flood(Option<oneshot::Sender<()>>);

impl Flood {
    fn start(count: usize, to: SocketAddr) -> Self {
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let _held = hold(count, to).await;
                let _ = ended.await;
            });
        });
        Self(Some(end))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.0.take().map(|end| end.send(()));
    }
}

/// Opens the connections, and another for each that is closed. They come one after the other, so
/// that they differ in age.
async fn hold(count: usize, to: SocketAddr) -> JoinSet<()> {
    let mut held = JoinSet::new();
    for number in 0..count {
        tokio::time::sleep(Duration::from_millis(1)).await;
        held.spawn(hold_one(number, to));
    }
    held
}

async fn hold_one(number: usize, to: SocketAddr) {
    let from = format!(
        "127.0.{}.{}",
        1 + number / MAX_PER_ADDRESS / 200,
        1 + number / MAX_PER_ADDRESS % 200
    );
    loop {
        let Ok(mut stream) = connect_from(&from, to).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if number.is_multiple_of(2) {
            // A head that goes no further.
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await;
        }
        let mut said = vec![];
        let _ = stream.read_to_end(&mut said).await;
    }
}

/// The 99th percentile of how long an honest client waits for an answer: the best of some rounds,
/// since other programs run on this machine as well.
async fn best_p99(app: &TestApp, person: &Person, requests: usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        best = best.min(p99(app, person, requests).await);
    }
    best
}

async fn p99(app: &TestApp, person: &Person, requests: usize) -> Duration {
    let mut times = vec![];
    for _ in 0..requests {
        let begun = Instant::now();
        app.get("/products/").by(person).send().await.expect(200);
        times.push(begun.elapsed());
    }
    times.sort();
    times[requests * 99 / 100]
}

/// Sockets that a process has open.
fn sockets(process: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// MB of a process that are in memory.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000
}

fn allow_files() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_from_many_addresses_cost_an_honest_client_little() {
    let is_long = std::env::var_os("FLOOD").is_some();
    let plan = if is_long { LONG } else { SHORT };
    allow_files();
    let mut app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let process = app.server().id();
    p99(&app, &person, plan.requests).await;
    let (before, memory, open) =
        (best_p99(&app, &person, plan.requests).await, resident(process), sockets(process));

    let flood = Flood::start(plan.connections, address(&app));
    eventually("all are open", async || {
        (sockets(process) >= plan.connections * 9 / 10).then_some(())
    })
    .await;
    let meanwhile = best_p99(&app, &person, plan.requests).await;

    let ratio = meanwhile.as_secs_f64() / before.as_secs_f64();
    println!(
        "{} silent connections from {} addresses: memory {memory} to {} MB, sockets {open} to {}, \
         p99 of an honest client {before:?} to {meanwhile:?}, {ratio:.2} times",
        plan.connections,
        plan.connections / MAX_PER_ADDRESS,
        resident(process),
        sockets(process),
    );
    drop(flood);
    assert!(!is_long || ratio <= FACTOR, "{ratio:.2}");
}
