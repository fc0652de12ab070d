//! The event store: contiguous positions in commit order, group commit, and everything that has
//! to be true together with the events in one transaction.

mod append;
mod appender;
mod condition;
mod connections;
mod load;
mod names;
mod reached;
mod snapshots;
mod streams;
mod transaction;
mod write;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use domain::{OrderId, ProductId, Refusal, StreamId, UserId};
use identity::{Revocations, Vault, VaultError};
use log::{BoxedError, InlineProjections, LogError};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use pool::PgPool;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use uuid::Uuid;

use append::Append;
pub(crate) use append::{Guard, Side};
pub use condition::Reservation;
pub(crate) use condition::{Condition, Unmet};
use connections::Connections;
use load::Known;
pub(crate) use load::Loaded;
pub(crate) use names::{NameClaim, forget_held};
use streams::Streams;

use crate::outage::is_outage;
use transaction::Verdict;

/// Why an append did not happen. A lost race, a taken name and a fault are different things.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A stream is no longer at the expected version: load again.
    #[error("a stream is no longer at the expected version")]
    Conflict,
    /// A name is held by another stream.
    #[error("{0:?} is taken")]
    Taken(Reservation),
    /// A guard said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Who gave the command has asked to be forgotten.
    #[error("the person has asked to be erased")]
    Erased,
    /// More is waiting than can be carried out in time.
    #[error("the appender is overloaded")]
    Busy,
    /// The database is down: it passes by itself.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// It failed for several commands at once.
    #[error("{0}")]
    Failed(String),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fold or its rows failed.
    #[error("the read models failed: {0}")]
    Projection(String),
    /// Personal data could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The program is stopping.
    #[error("the appender has stopped")]
    Stopped,
}

impl From<Unmet> for StoreError {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Taken(reservation) => Self::Taken(reservation),
            Unmet::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl StoreError {
    /// What failed for several at once, for one of them.
    pub(crate) fn shared(error: &(dyn std::error::Error + 'static)) -> Self {
        let text = error.to_string();
        if is_outage(error) { Self::Unavailable(text) } else { Self::Failed(text) }
    }
}

/// What the read models could not tell.
fn unread(error: BoxedError) -> StoreError {
    let text = error.to_string();
    if is_outage(&*error) { StoreError::Unavailable(text) } else { StoreError::Projection(text) }
}

/// Appends waiting beyond this are refused at once rather than late.
const QUEUE: usize = 4_096;

/// The event store of one process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    pool: PgPool,
    streams: Streams,
    read_models: Arc<dyn InlineProjections>,
    queue: mpsc::Sender<appender::Waiting>,
    committed: watch::Receiver<i64>,
    states: Cache<StreamId, Known>,
    turns: Cache<StreamId, Arc<Mutex<()>>>,
    vault: Vault,
}

/// Bytes of aggregates that are kept in memory, with their rows.
const KNOWN: u64 = 256 << 20;

/// Connections that read aggregates.
const LOADING: u32 = 4;

impl Store {
    pub(crate) fn new(
        pool: PgPool,
        read_models: Arc<dyn InlineProjections>,
        revocations: Arc<Revocations>,
        vault: Vault,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (newest, committed) = watch::channel(0);
        let writer =
            writer::Writer::new(Connections::one_that_gives_way(&pool), Arc::clone(&read_models));
        let appender = appender::Appender::new(writer, revocations, newest);
        tokio::spawn(appender.run(waiting));
        // What was written last is what is written to next, however often others were before.
        let states = Cache::builder().weigher(|_, known: &Known| known.bytes());
        let states = states.max_capacity(KNOWN).eviction_policy(EvictionPolicy::lru()).build();
        let turns = Cache::builder().time_to_idle(Duration::from_mins(1)).build();
        let streams = Streams::new(Connections::new(&pool, LOADING));
        Self { pool, streams, read_models, queue, committed, states, turns, vault }
    }

    /// This store, reading over connections of another pool.
    pub(crate) fn with_pool(&self, pool: &PgPool, vault: Vault) -> Self {
        let streams = Streams::new(Connections::new(pool, LOADING));
        Self { pool: pool.clone(), streams, vault, ..self.clone() }
    }

    pub(crate) fn committed(&self) -> watch::Receiver<i64> {
        self.committed.clone()
    }

    /// One at a time per stream: a race that can be seen coming is queued for, not lost. Only the
    /// expected version makes it safe; this makes it quick.
    pub(crate) fn turn(&self, stream: StreamId) -> Arc<Mutex<()>> {
        self.turns.get_with(stream, Arc::default)
    }

    #[tracing::instrument(level = "debug", skip_all, fields(events = append.events.len()))]
    async fn append(&self, append: Append) -> Verdict {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(appender::Waiting { append, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
        })?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// The next one to need this aggregate reads it from the log.
    pub(crate) fn forget(&self, stream: StreamId) {
        self.states.invalidate(&stream);
    }

    /// Refuses where that account is the last active ADMIN.
    pub(crate) async fn check_another_admin(&self, than: UserId) -> Result<(), StoreError> {
        let mut conn = self.pool.acquire().await?;
        let another = self.read_models.another_admin_is_active(&mut conn, than).await;
        let another = another.map_err(unread)?;
        if another { Ok(()) } else { Err(transaction::last_admin()) }
    }

    /// Products of a person that are not withdrawn.
    pub(crate) async fn open_products_of(
        &self,
        person: UserId,
    ) -> Result<Vec<ProductId>, StoreError> {
        let mut conn = self.pool.acquire().await?;
        self.read_models.open_products_of(&mut conn, person).await.map_err(unread)
    }

    /// Orders of a person that are PENDING.
    pub(crate) async fn open_orders_of(&self, person: UserId) -> Result<Vec<OrderId>, StoreError> {
        let mut conn = self.pool.acquire().await?;
        self.read_models.open_orders_of(&mut conn, person).await.map_err(unread)
    }

    /// Who holds a name.
    pub(crate) async fn holder(&self, kind: &str, name: &str) -> Result<Option<Uuid>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT owner FROM reservations WHERE kind = $1 AND name = $2 AND held_until IS NULL",
        )
        .bind(kind)
        .bind(name)
        .fetch_optional(&self.pool)
        .await
    }
}
