//! Clients that create products and accounts, and write down what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::world::{Shared, World};
use crate::support::{Answer, Call};

/// Longer than the program takes over anything.
const PATIENCE: Duration = Duration::from_secs(40);
const PASSWORD: &str = "a lamp in every window";

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered, with what the answer named.
    Done(String),
    /// No answer, or one that says to try again.
    Unknown,
}

/// What clients were told.
#[derive(Debug, Default)]
pub struct History {
    /// By name.
    pub products: BTreeMap<String, Outcome>,
    /// Addresses that were told to look for a mail.
    pub registered: Vec<String>,
    /// Answers that nothing should lead to.
    pub wrong: Vec<String>,
}

impl FromIterator<Self> for History {
    fn from_iter<I: IntoIterator<Item = Self>>(histories: I) -> Self {
        histories.into_iter().fold(Self::default(), |mut all, history| {
            all.products.extend(history.products);
            all.registered.extend(history.registered);
            all.wrong.extend(history.wrong);
            all
        })
    }
}

pub struct Client {
    shared: Arc<Shared>,
    number: u64,
    access: String,
    random: StdRng,
    history: History,
}

impl Client {
    pub fn new(world: &World, seed: u64, number: u64) -> Self {
        let shared = Arc::clone(&world.shared);
        let access = shared.seller.access.clone();
        let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number));
        Self { shared, number, access, random, history: History::default() }
    }

    pub async fn work(mut self) -> History {
        for round in 0.. {
            if self.shared.stop.load(Ordering::Relaxed) {
                break;
            }
            if self.random.random_range(0..8) == 0 {
                self.register(round).await;
            } else {
                self.create(round).await;
            }
        }
        self.history
    }

    /// Under one key, once or until it is answered.
    async fn create(&mut self, round: u64) {
        let name = format!("client {}, no. {round}", self.number);
        let tries = if self.random.random_range(0..2) == 0 { 1 } else { 5 };
        let body = json!({ "name": name, "category_id": self.shared.category });
        let mut outcome = Outcome::Unknown;
        for _ in 0..tries {
            if let Some(answer) = self.post("/products/", &name, &body).await {
                outcome = Outcome::Done(answer.json["id"].as_str().unwrap_or_default().to_owned());
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.history.products.insert(name, outcome);
    }

    async fn register(&mut self, round: u64) {
        let email = format!("client{}-{round}@example.com", self.number);
        let body = json!({ "email": email, "password": PASSWORD });
        if self.post("/register/", &email, &body).await.is_some() {
            self.history.registered.push(email);
        }
    }

    /// The answer, if it is 201.
    async fn post(&mut self, path: &str, key: &str, body: &Value) -> Option<Answer> {
        let call = self.call(path).bearer(&self.access).header("Idempotency-Key", key);
        let answer = tokio::time::timeout(PATIENCE, call.json(body.clone()).try_send()).await;
        let answer = answer.ok()?.ok()?;
        let may_try_again = answer.headers.contains_key("retry-after");
        match (answer.status, answer.code()) {
            (201, _) => return Some(answer),
            (503, _) if may_try_again => {}
            (409, "idempotency_in_progress") => {}
            (401, _) => self.sign_in().await,
            _ => self.history.wrong.push(format!("{path}: {} {}", answer.status, answer.json)),
        }
        None
    }

    /// Access tokens live for minutes.
    async fn sign_in(&mut self) {
        let body = json!({ "email": self.shared.seller.email, "password": PASSWORD });
        let Ok(answer) = self.call("/login/").json(body).try_send().await else { return };
        if let Some(access) = answer.json["access"].as_str() {
            access.clone_into(&mut self.access);
        }
    }

    fn call(&mut self, path: &str) -> Call {
        let bases = self.shared.bases.lock().unwrap().clone();
        let base = &bases[self.random.random_range(0..bases.len())];
        Call::new(&self.shared.http, "POST", &format!("{base}{path}"))
    }
}
