//! The event store: contiguous positions in commit order, group commit, and everything that has
//! to be true together with the events in one transaction.

mod access;
mod append;
mod appender;
mod connections;
mod load;
pub(crate) mod log;
mod names;
mod snapshots;
mod streams;
mod transaction;
mod write;
mod writer;

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    CategoryId, DecodeError, OrderId, ProductId, Recorded, Refusal, StreamId, StreamType, UserId,
};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use pool::{PgConnection, PgPool};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use uuid::Uuid;

pub(crate) use append::{Append, Claim, Effect, Guard, Side};
use connections::Connections;
use load::Known;
pub(crate) use load::Loaded;
use streams::Streams;

use crate::Reservation;
use crate::identity::Revocations;
use crate::outage::is_outage;
use crate::{Vault, VaultError};
use transaction::Verdict;

/// The read models as the appender needs them; handed in by the composition root.
#[async_trait]
pub trait ReadModels: Send + Sync + 'static {
    /// Folds events that are being appended. `before` are rows of their streams at the versions
    /// that the events follow, those that are known; of others it may remember some from one batch
    /// to the next.
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, BoxedError>;

    /// The row that one stream makes alone, by events that follow one another and the row before them, if
    /// there is one; `None` where other streams take part in it.
    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow>;

    /// Of the folds that make such rows: what another version has made is not read.
    fn row_version(&self, kind: StreamType) -> i32;

    /// Such a row as JSON.
    fn write_row(&self, kind: StreamType, row: &AnyRow) -> Option<String>;

    /// Such a row from JSON; `None` where it cannot be read.
    fn read_row(&self, kind: StreamType, json: &str) -> Option<AnyRow>;

    /// The last batch came to nothing, or another process has written: what is remembered may no
    /// longer be so.
    fn forget(&self);

    /// Whether a category has no products; asked under the log's lock, so it stays so.
    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, BoxedError>;

    /// Whether there is an active ADMIN besides that account; asked under the log's lock too.
    async fn another_admin_is_active(
        &self,
        conn: &mut PgConnection,
        than: UserId,
    ) -> Result<bool, BoxedError>;

    /// Products of a person that are not withdrawn.
    async fn open_products_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<ProductId>, BoxedError>;

    /// Orders of a person that are PENDING.
    async fn open_orders_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<OrderId>, BoxedError>;
}

/// A row of a read model, whose type the reader knows.
pub type AnyRow = Arc<dyn Any + Send + Sync>;

/// What a batch makes of the read models.
#[derive(Default)]
pub struct Folded {
    /// To be written together with the events, in any order.
    pub writes: Vec<Write>,
    /// The rows of streams that alone make them, for the next batch that goes on from there.
    pub rows: HashMap<StreamId, AnyRow>,
    /// What the streams that were written to look like from then on.
    pub views: HashMap<StreamId, AnyRow>,
}

/// Something to be written.
pub struct Write {
    /// The statement; the rows are its `$1::json`, an array of objects.
    pub sql: String,
    /// What is to stand there.
    pub rows: String,
}

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

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
    /// More is waiting than can be carried out in time.
    #[error("the appender is overloaded")]
    Busy,
    /// The database is down: it passes by itself.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// It failed for several commands at once.
    #[error("{0}")]
    Failed(String),
    /// A stored event can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
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
    read_models: Arc<dyn ReadModels>,
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
        read_models: Arc<dyn ReadModels>,
        revocations: Arc<Revocations>,
        vault: Vault,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (newest, committed) = watch::channel(0);
        let writer = writer::Writer::new(Connections::new(&pool, 1), Arc::clone(&read_models));
        let appender = appender::Appender::new(writer, revocations, newest);
        tokio::spawn(appender.run(waiting));
        // What was written last is what is written to next, however often others were before.
        let states = Cache::builder().weigher(|_, known: &Known| known.bytes());
        let states = states.max_capacity(KNOWN).eviction_policy(EvictionPolicy::lru()).build();
        let turns = Cache::builder().time_to_idle(Duration::from_mins(1)).build();
        let streams = Streams::new(Connections::new(&pool, LOADING));
        Self { pool, streams, read_models, queue, committed, states, turns, vault }
    }

    /// The same log, read over connections such as this pool's.
    pub(crate) fn over(&self, pool: &PgPool, vault: Vault) -> Self {
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
