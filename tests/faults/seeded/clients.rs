//! Clients that create products and accounts, and write down what they were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{Answer, Call, Person, video_form_named};

/// Longer than the program takes over anything.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// Films take workers longer than clients.
const BETWEEN_FILMS: Duration = Duration::from_secs(3);
const PASSWORD: &str = "a lamp in every window";

/// What clients need to know.
pub struct Shared {
    /// Where processes answer that are meant to.
    pub bases: Mutex<Vec<String>>,
    pub stop: AtomicBool,
    pub seller: Person,
    pub category: String,
    pub http: reqwest::Client,
    /// A domain that some of those who register have addresses at.
    pub other_domain: Option<&'static str>,
    pub counts: Counts,
}

/// How many requests ended how so far.
#[derive(Debug, Default)]
pub struct Counts {
    answered: AtomicU64,
    put_off: AtomicU64,
    unanswered: AtomicU64,
}

impl Counts {
    /// Answered with success, put off, unanswered.
    pub fn read(&self) -> [u64; 3] {
        let counts = [&self.answered, &self.put_off, &self.unanswered];
        counts.map(|count| count.load(Ordering::Relaxed))
    }
}

impl Shared {
    pub fn new(
        bases: Vec<String>,
        seller: Person,
        category: String,
        http: reqwest::Client,
    ) -> Self {
        Self {
            bases: Mutex::new(bases),
            stop: AtomicBool::new(false),
            seller,
            category,
            http,
            other_domain: None,
            counts: Counts::default(),
        }
    }
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered, with what the answer named.
    Done(String),
    /// No answer, or one that says to try again.
    Unknown,
}

impl Outcome {
    fn of(answer: Option<&Answer>) -> Self {
        let id = |answer: &Answer| answer.json["id"].as_str().unwrap_or_default().to_owned();
        answer.map_or(Self::Unknown, |answer| Self::Done(id(answer)))
    }
}

/// What clients were told.
#[derive(Debug, Default)]
pub struct History {
    /// By name.
    pub products: BTreeMap<String, Outcome>,
    /// Addresses that were told to look for a mail.
    pub registered: Vec<String>,
    /// Requests.
    pub sent: u64,
    /// Answers that say to try again later.
    pub put_off: u64,
    /// Requests that got no answer.
    pub unanswered: u64,
    /// Answers that nothing should lead to.
    pub wrong: Vec<String>,
}

impl FromIterator<Self> for History {
    fn from_iter<I: IntoIterator<Item = Self>>(histories: I) -> Self {
        histories.into_iter().fold(Self::default(), |mut all, history| {
            all.extend(history);
            all
        })
    }
}

impl History {
    pub fn extend(&mut self, more: Self) {
        self.products.extend(more.products);
        self.registered.extend(more.registered);
        self.wrong.extend(more.wrong);
        self.sent += more.sent;
        self.put_off += more.put_off;
        self.unanswered += more.unanswered;
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
    pub fn new(shared: &Arc<Shared>, seed: u64, number: u64) -> Self {
        let shared = Arc::clone(shared);
        let access = shared.seller.access.clone();
        let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number));
        Self { shared, number, access, random, history: History::default() }
    }

    pub async fn work(mut self) -> History {
        for round in 0.. {
            if self.is_over() {
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

    /// Sends products with a film, one after the other.
    pub async fn film(mut self, film: Vec<u8>) -> History {
        for round in 0.. {
            if self.is_over() {
                break;
            }
            let name = format!("client {}, film {round}", self.number);
            let form = video_form_named(&name, &self.shared.category, film.clone());
            let call =
                self.call("/products/").bearer(&self.access).header("Idempotency-Key", &name);
            let answer = self.judged("/products/", call.multipart(form)).await;
            self.history.products.insert(name, Outcome::of(answer.as_ref()));
            tokio::time::sleep(BETWEEN_FILMS).await;
        }
        self.history
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Under one key, once or until it is answered.
    async fn create(&mut self, round: u64) {
        let name = format!("client {}, no. {round}", self.number);
        let tries = if self.random.random_range(0..2) == 0 { 1 } else { 5 };
        let body = json!({ "name": name, "category_id": self.shared.category });
        let mut outcome = Outcome::Unknown;
        for _ in 0..tries {
            outcome = Outcome::of(self.post("/products/", &name, &body).await.as_ref());
            if outcome != Outcome::Unknown {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.history.products.insert(name, outcome);
    }

    async fn register(&mut self, round: u64) {
        let other = self.shared.other_domain.filter(|_| self.random.random_range(0..8) == 0);
        let domain = other.unwrap_or("example.com");
        let email = format!("client{}-{round}@{domain}", self.number);
        let body = json!({ "email": email, "password": PASSWORD });
        if self.post("/register/", &email, &body).await.is_some() {
            self.history.registered.push(email);
        }
    }

    /// The answer, if it is 201.
    async fn post(&mut self, path: &str, key: &str, body: &Value) -> Option<Answer> {
        let call = self.call(path).bearer(&self.access).header("Idempotency-Key", key);
        self.judged(path, call.json(body.clone())).await
    }

    async fn judged(&mut self, path: &str, call: Call) -> Option<Answer> {
        self.history.sent += 1;
        let Ok(Ok(answer)) = tokio::time::timeout(REQUEST_TIMEOUT, call.try_send()).await else {
            self.history.unanswered += 1;
            self.shared.counts.unanswered.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let may_try_again = answer.headers.contains_key("retry-after");
        match (answer.status, answer.code()) {
            (201, _) => {
                self.shared.counts.answered.fetch_add(1, Ordering::Relaxed);
                return Some(answer);
            }
            (503, _) if may_try_again => self.count_as_put_off(),
            (409, "idempotency_in_progress") => self.count_as_put_off(),
            (401, _) => self.sign_in().await,
            _ => self.history.wrong.push(format!("{path}: {} {}", answer.status, answer.json)),
        }
        None
    }

    fn count_as_put_off(&mut self) {
        self.history.put_off += 1;
        self.shared.counts.put_off.fetch_add(1, Ordering::Relaxed);
    }

    /// Access tokens live for minutes.
    async fn sign_in(&mut self) {
        let seller = &self.shared.seller;
        let body = json!({ "email": seller.email, "password": seller.password });
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
