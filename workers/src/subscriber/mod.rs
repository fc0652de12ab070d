//! The runtime of workers: each event that concerns a subscriber is handled, again where that
//! failed, until it succeeds or is laid before an operator.
//!
//! What has to be done and what was done is in PostgreSQL (`effects`, `dead_letters`); messages
//! from JetStream only say when to look, quickly and to one replica at a time.

mod effects;
mod lane;
mod sweep;
mod work;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_trait::async_trait;
use commands::CommandError;
use domain::{EventType, Recorded};
use identity::Vault;
use pool::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Backoff;
use crate::nats::Names;
use crate::supervise::Fault;
use effects::Effects;

/// What is done about events. It may be asked again for the same event, also after it succeeded
/// and the program died before that was written down; it changes the domain only by commands.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Names the subscriber for ever: what it has handled is remembered under it.
    fn name(&self) -> &'static str;

    /// The events that concern it.
    fn events(&self) -> &'static [EventType];

    /// Does it. Dropped when the program ends or the lease is lost.
    async fn handle(&self, event: &Recorded) -> Result<(), Failed>;

    /// Makes lasting what the last calls of [`Handler::handle`] did; only then is it written down
    /// as done.
    async fn settle(&self) -> Result<(), Failed> {
        Ok(())
    }
}

/// Why an event could not be handled; kept for operators, so no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Another try may succeed.
    #[error("{0}")]
    Transient(String),
    /// Enough of its kind is under way: the try does not count.
    #[error("enough of its kind is under way")]
    NotYet,
    /// Nothing can be handled now, whichever event it is: the try does not count.
    #[error("{0}")]
    Outage(String),
    /// No other try will.
    #[error("{0}")]
    Permanent(String),
}

impl From<CommandError> for Failed {
    /// A fault may quote what is stored, so it is not repeated.
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unavailable(_) => Self::Outage("the database is down".to_owned()),
            outage if commands::is_outage(&outage) => {
                Self::Outage("the database is down".to_owned())
            }
            CommandError::Fault(_) => {
                Self::Transient("the database failed, or an event cannot be read".to_owned())
            }
            other => Self::Transient(other.to_string()),
        }
    }
}

/// How eager and how patient a subscriber is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Tries before an event becomes a dead letter.
    pub attempts: u32,
    /// Between tries.
    pub backoff: Backoff,
    /// Events at once, in this process.
    pub concurrency: usize,
    /// Events that are claimed together, handled one after another and settled together.
    pub batch: usize,
    /// How long an event waits for others to be claimed together with.
    pub gather: Duration,
    /// How long after the death of a process another one takes over what it was at.
    pub lease: Duration,
    /// How often the log is searched for what no message told of.
    pub sweep: Duration,
    /// How often it is looked for tries that are due.
    pub tick: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let longest = Duration::from_hours(1);
        Self {
            attempts: 8,
            backoff: Backoff { first: Duration::from_secs(5), longest },
            concurrency: 4,
            batch: 256,
            gather: Duration::from_millis(100),
            lease: Duration::from_secs(30),
            sweep: Duration::from_secs(10),
            tick: Duration::from_secs(1),
        }
    }
}

/// A handler with what it takes to feed it. Any number of replicas may run.
pub struct Subscriber<H> {
    handler: H,
    pool: PgPool,
    vault: Vault,
    effects: Effects,
    jetstream: jetstream::Context,
    names: Names,
    pace: Pace,
    slots: Arc<Semaphore>,
}

impl<H: Handler> Subscriber<H> {
    /// `prefix` is the one that the relay publishes under.
    pub fn new(
        handler: H,
        pool: PgPool,
        progress: PgPool,
        vault: Vault,
        client: async_nats::Client,
        prefix: &str,
        pace: Pace,
    ) -> Self {
        let effects = Effects::new(progress, handler.name(), pace.lease);
        let slots = Arc::new(Semaphore::new(pace.concurrency));
        let (jetstream, names) = (jetstream::new(client), Names::new(prefix));
        Self { handler, pool, vault, effects, jetstream, names, pace, slots }
    }

    /// Handles events until the program ends.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) -> Result<(), Fault> {
        let stop = shutdown.child_token();
        let mut tasks = JoinSet::new();
        for event in self.handler.events() {
            // A lane has one batch at a time; who may work at once, the slots decide.
            for _ in 0..self.pace.concurrency {
                tasks.spawn(Arc::clone(&self).consume(*event, stop.clone()));
            }
        }
        tasks.spawn(Arc::clone(&self).sweep(stop.clone()));
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            stop.cancel();
            result = result.and(ended.map_err(Fault::passing).and_then(|ended| ended));
        }
        result
    }
}
