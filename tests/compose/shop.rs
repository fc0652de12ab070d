//! People and clients before a compose file's containers, and rounds of faults.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pool::PgPool;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::checks::{self, Services};
use super::say;
use super::stack::{Stack, database_url, inspect};
use crate::faults::seeded::clients::{Client, History, Shared};
use crate::support::{Call, Person, eventually, http_client, id, video};

const CLIENTS: u64 = 3;
/// Before a fault, and after it.
const CALM: Duration = Duration::from_secs(3);

/// What happens in a round.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// SIGKILL of a service's first container; its restart policy starts it again.
    Crash(&'static str),
    /// A service's containers stop for that long.
    Freeze(&'static str, Duration),
    /// `up` with these options, with another image.
    Upgrade(&'static [&'static str]),
}

pub struct Shop {
    pub stack: Stack,
    pub database: &'static str,
    services: Services,
    shared: Arc<Shared>,
    film: Vec<u8>,
    rounds: u64,
    history: History,
}

impl Shop {
    /// `database` is the service that takes writes.
    pub async fn open(
        stack: Stack,
        database: &'static str,
        (api, worker): (&'static str, &'static str),
    ) -> Self {
        let services = Services { api, worker };
        let http = http_client();
        let seller = person(&stack, &services, &http, "END_USER").await;
        let staff = person(&stack, &services, &http, "STAFF").await;
        let url = format!("{}/categories/", stack.base());
        let body = json!({ "name": "Lamps", "description": "" });
        let category =
            Call::new(&http, "POST", &url).by(&staff).json(body).send().await.expect(201);
        let shared = Shared::new(vec![stack.base()], seller, id(&category), http);
        Self {
            stack,
            database,
            services,
            shared: Arc::new(shared),
            film: video::mp4(),
            rounds: 0,
            history: History::default(),
        }
    }

    fn clients(&self) -> JoinSet<History> {
        let mut clients = JoinSet::new();
        self.shared.stop.store(false, Ordering::Relaxed);
        let client = |number| Client::new(&self.shared, self.rounds, self.rounds * 100 + number);
        for number in 0..CLIENTS {
            clients.spawn(client(number).work());
        }
        clients.spawn(client(CLIENTS).film(self.film.clone()));
        clients
    }

    /// Something happens while clients work; then all that was ever answered is checked.
    pub async fn round(&mut self, what: &str, fault: Fault) {
        self.round_of(what, async |shop| shop.inflict(fault).await).await;
    }

    /// The same of what no [`Fault`] is.
    pub async fn round_of(&mut self, what: &str, happens: impl AsyncFnOnce(&mut Self)) {
        self.rounds += 1;
        say(&format!("round {}: {what}", self.rounds));
        let clients = self.clients();
        sleep(CALM).await;

        let start = Instant::now();
        happens(self).await;
        self.stack.healthy().await;
        self.ready().await;
        say(&format!("all is well again after {:.1} s", start.elapsed().as_secs_f64()));

        sleep(CALM).await;
        self.shared.stop.store(true, Ordering::Relaxed);
        for history in clients.join_all().await {
            self.history.extend(history);
        }
        let pool = self.pool().await;
        checks::all(&self.stack, &pool, &self.services, &self.history).await;
        pool.close().await;
    }

    async fn inflict(&self, fault: Fault) {
        match fault {
            Fault::None => {}
            Fault::Crash(service) => self.stack.crash(service).await,
            Fault::Freeze(service, length) => self.stack.freeze(service, length).await,
            Fault::Upgrade(options) => self.stack.up(options).await,
        }
    }

    pub async fn ready(&self) {
        let url = format!("{}/readyz", self.stack.base());
        eventually("it is ready", async || {
            let asked = self.shared.http.get(&url).send().await;
            asked.is_ok_and(|answer| answer.status() == 200).then_some(())
        })
        .await;
    }

    /// What it says once it is not ready.
    pub async fn not_ready(&self) -> Value {
        let url = format!("{}/readyz", self.stack.base());
        eventually("it is not ready", async || {
            let answer = self.shared.http.get(&url).send().await.ok()?;
            let is_down = answer.status() == 503;
            serde_json::from_slice(&answer.bytes().await.ok()?).ok().filter(|_| is_down)
        })
        .await
    }

    async fn pool(&self) -> PgPool {
        let address = self.stack.address(self.database).await;
        sqlx::PgPool::connect(&database_url(&address)).await.unwrap().into()
    }

    /// Every container of these services runs the image with that label.
    pub async fn runs_image(&self, revision: &str, services: &[&str]) {
        for service in services {
            for container in self.stack.containers(service).await {
                let seen = inspect(&container).await;
                let label = &seen["Config"]["Labels"]["org.opencontainers.image.revision"];
                assert_eq!(label, revision, "{service}");
            }
        }
    }

    /// Removes all of it, and says what was done.
    pub async fn close(self) {
        say(&format!(
            "{} rounds: {} requests, {} put off (503 with Retry-After), {} unanswered; {} products, {} mails",
            self.rounds,
            self.history.sent,
            self.history.put_off,
            self.history.unanswered,
            self.history.products.len(),
            self.history.registered.len()
        ));
        self.stack.down().await;
    }
}

/// Somebody with an account, made as the documentation says, and signed in.
async fn person(stack: &Stack, services: &Services, http: &reqwest::Client, role: &str) -> Person {
    let email = format!("{}@example.com", role.to_lowercase());
    let password = "a secret of theirs alone".to_owned();
    let create =
        ["users", "create", "--email", &email, "--role", role, "--password-stdin", "--json"];
    let made = stack.vetted(&password, services.api, &create).await;
    let made: Value = serde_json::from_str(&made).unwrap();

    let body = json!({ "email": email, "password": password });
    let url = format!("{}/login/", stack.base());
    let tokens = Call::new(http, "POST", &url).json(body).send().await.expect(200).json;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (access, refresh) = (text(&tokens["access"]), text(&tokens["refresh"]));
    Person { id: text(&made["id"]), email, password, access, refresh }
}
