//! Many uploads at once over connections that break, while the API is killed again and again.
//! `make soak-uploads` plays the long version.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use domain::Role;
use rand::RngExt;

use super::cutter::Cutter;
use super::{OCTETS, arrived, noise, stored};
use crate::support::program::{Program, Server};
use crate::support::{Answer, Call, Person, TestApp};

/// How much is asked of it.
struct Plan {
    uploads: usize,
    bytes: usize,
    kills: usize,
}

const SHORT: Plan = Plan { uploads: 24, bytes: 5_000_000, kills: 2 };
const LONG: Plan = Plan { uploads: 200, bytes: 20_000_000, kills: 10 };
const CLIENTS: usize = 8;
/// What the API may grow by.
const GROWTH: u64 = 64_000_000;

/// One client: a person, and a line that breaks.
struct Client {
    app: Arc<TestApp>,
    person: Person,
    line: Cutter,
}

impl Client {
    fn call(&self, method: &str, path: &str) -> Call {
        let call = Call::new(&self.app.client, method, &format!("{}{path}", self.line.base));
        call.by(&self.person).header("Tus-Resumable", "1.0.0")
    }

    /// Asks again for as long as nobody answers, or not now.
    async fn insist(&mut self, call: impl Fn(&Self) -> Call) -> Answer {
        loop {
            match call(self).try_send().await {
                Ok(answer) if answer.status == 401 => {
                    self.person = self.app.sign_in(&self.person.email, &self.person.password).await;
                }
                Ok(answer) if matches!(answer.status, 423 | 500..) => {}
                Ok(answer) => return answer,
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Uploads over a line that is cut once, at a random byte.
    async fn upload(&mut self, bytes: &[u8]) -> String {
        let length = bytes.len().to_string();
        let made = self
            .insist(|client| client.call("POST", "/uploads/").header("Upload-Length", &length))
            .await;
        let path = super::location(&made);
        self.line.cut_after(rand::rng().random_range(0..bytes.len()));
        loop {
            let head = self.insist(|client| client.call("HEAD", &path)).await;
            assert_eq!(head.status, 200, "{head:?}");
            let offset: usize = head.header("upload-offset").parse().unwrap();
            if offset == bytes.len() {
                return path;
            }
            let call = self.call("PATCH", &path).header("Upload-Offset", &offset.to_string());
            // Whatever comes of it, the next question tells.
            let _ = call.body(bytes[offset..].to_vec(), OCTETS).try_send().await;
        }
    }
}

/// An API that is killed and started again at the same place; notes how large it becomes.
struct Victim {
    server: Server,
    at_rest: u64,
}

impl Victim {
    async fn start(app: &TestApp, program: &Program) -> Self {
        let server = program.serve(&["api"]).await;
        // So that what it needs once is there.
        for _ in 0..20 {
            app.request_to(&server, "OPTIONS", "/uploads/").send().await.expect(204);
        }
        let at_rest = resident(server.id()).unwrap();
        Self { server, at_rest }
    }
}

/// Whether a part is being written, so that a kill leaves something behind.
fn is_writing(app: &TestApp) -> bool {
    stored(app).iter().any(|file| file.to_string_lossy().contains('#'))
}

/// Bytes of a process that are in memory.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_survive_cuts_and_kills() {
    let plan = if std::env::var_os("SOAK").is_some() { LONG } else { SHORT };
    let mut app = TestApp::start_as(&["api"], &[]).await;
    let place = app.replica().await.base().trim_start_matches("http://").to_owned();
    app.program.set("BIND", &place);
    let app = Arc::new(app);
    let mut victim = Victim::start(&app, &app.program).await;
    let (done, growth, over) =
        (Arc::new(AtomicUsize::new(0)), AtomicU64::new(0), AtomicBool::new(false));

    let uploading = async {
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            let (app, done) = (Arc::clone(&app), Arc::clone(&done));
            let line = Cutter::start(&format!("http://{place}")).await;
            let seeds: Vec<_> = (number..plan.uploads).step_by(CLIENTS).collect();
            clients.spawn(async move {
                let person = app.user(Role::EndUser).await;
                let (mut client, mut paths) = (Client { app, person, line }, vec![]);
                for seed in seeds {
                    let bytes = noise(plan.bytes, seed as u64);
                    paths.push((client.upload(&bytes).await, seed));
                    done.fetch_add(1, Ordering::SeqCst);
                }
                assert!(client.line.cuts() > 0);
                paths
            });
        }
        let paths = clients.join_all().await.concat();
        over.store(true, Ordering::SeqCst);
        paths
    };
    let killing = async {
        let mut kills = 0;
        while !over.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = resident(victim.server.id()).unwrap_or(0);
            growth.fetch_max(now.saturating_sub(victim.at_rest), Ordering::SeqCst);
            let due = (kills + 1) * plan.uploads / (plan.kills + 1);
            if kills < plan.kills && done.load(Ordering::SeqCst) >= due && is_writing(&app) {
                victim.server.kill();
                victim = Victim::start(&app, &app.program).await;
                kills += 1;
            }
        }
        kills
    };
    let (paths, kills) = tokio::join!(uploading, killing);

    assert_eq!((paths.len(), kills), (plan.uploads, plan.kills));
    for (path, seed) in &paths {
        arrived(&app, path, &noise(plan.bytes, *seed as u64)).await;
    }
    let before = stored(&app).len();
    app.run(&["worker", "sweep", "--older-than", "0"]).await.expect(0);
    let keys = "SELECT key FROM upload_parts";
    let keys: Vec<String> = sqlx::query_scalar(keys).fetch_all(&app.pool()).await.unwrap();
    let media = app.data_dir().join("media");
    let expected: BTreeSet<_> = keys.into_iter().map(|key| media.join(key)).collect();
    assert_eq!(stored(&app).into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(before > expected.len(), "no kill left anything behind");
    let growth = growth.into_inner();
    println!(
        "{} uploads of {} bytes, each cut once, over {kills} kills: all as they were sent, {} files \
         swept, the API grew by {} kB at most",
        paths.len(),
        plan.bytes,
        before - expected.len(),
        growth / 1000
    );
    assert!(growth <= GROWTH, "{growth}");
}
