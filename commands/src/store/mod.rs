//! The event store: contiguous positions in commit order, group commit, and everything that has
//! to be true together with the events in one transaction.

mod append;
mod appender;
mod load;
mod transaction;
mod write;
mod writer;

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{CategoryId, DecodeError, Recorded, Refusal, StreamId};
use moka::sync::Cache;
use postgres_es::PostgresEventRepository;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use uuid::Uuid;

pub(crate) use append::{Append, Claim, Effect, Guard, Side};
pub(crate) use load::Loaded;

use crate::Reservation;
use crate::identity::Revocations;
use crate::{Done, Vault, VaultError};

/// The read models as the appender needs them; handed in by the composition root.
#[async_trait]
pub trait ReadModels: Send + Sync + 'static {
    /// Folds events that are being appended. It may remember rows from one batch to the next.
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
    ) -> Result<Folded, BoxedError>;

    /// The last batch came to nothing, or another process has written: what is remembered may no
    /// longer be so.
    fn forget(&self);

    /// Whether a category has no products; asked under the log's lock, so it stays so.
    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, BoxedError>;
}

/// What a batch makes of the read models.
#[derive(Default)]
pub struct Folded {
    /// To be written together with the events, in any order.
    pub writes: Vec<Write>,
    /// What the streams that were written to look like from then on, for whoever knows the type.
    pub rows: HashMap<StreamId, Arc<dyn Any + Send + Sync>>,
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
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
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

/// Appends waiting beyond this are refused at once rather than late.
const QUEUE: usize = 4_096;

/// The event store of one process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    pool: PgPool,
    repository: Arc<PostgresEventRepository>,
    queue: mpsc::Sender<appender::Waiting>,
    committed: watch::Receiver<i64>,
    states: Cache<StreamId, Arc<dyn Any + Send + Sync>>,
    turns: Cache<StreamId, Arc<Mutex<()>>>,
    vault: Vault,
}

/// Connections that read aggregates: a pool takes turns with all that it has, so a few that are
/// warm are quicker than many.
const LOADING: u32 = 4;

/// Connections of the store's own, so that nobody else stands before it. Its statements are few
/// and their plans don't depend on values, so they are planned once, and always by keys: a plan
/// that is made while a table is empty would read all of it ever after.
fn own(pool: &PgPool, connections: u32) -> PgPool {
    let options = PgConnectOptions::clone(&pool.connect_options());
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .connect_lazy_with(options.options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ]))
}

impl Store {
    pub(crate) fn new(
        pool: PgPool,
        read_models: Arc<dyn ReadModels>,
        revocations: Arc<Revocations>,
        vault: Vault,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (newest, committed) = watch::channel(0);
        let writer = writer::Writer::new(own(&pool, 1), read_models);
        let appender = appender::Appender::new(writer, revocations, newest);
        tokio::spawn(appender.run(waiting));
        let states = Cache::builder().max_capacity(100_000).build();
        let turns = Cache::builder().time_to_idle(Duration::from_mins(1)).build();
        let repository = Arc::new(PostgresEventRepository::new(own(&pool, LOADING)));
        Self { pool, repository, queue, committed, states, turns, vault }
    }

    /// The same log, read over connections such as this pool's.
    pub(crate) fn over(&self, pool: &PgPool, vault: Vault) -> Self {
        let repository = Arc::new(PostgresEventRepository::new(own(pool, LOADING)));
        Self { pool: pool.clone(), repository, vault, ..self.clone() }
    }

    pub(crate) fn committed(&self) -> watch::Receiver<i64> {
        self.committed.clone()
    }

    /// One at a time per stream: a race that can be seen coming is queued for, not lost. Only the
    /// expected version makes it safe; this makes it quick.
    pub(crate) fn turn(&self, stream: StreamId) -> Arc<Mutex<()>> {
        self.turns.get_with(stream, Arc::default)
    }

    pub(crate) async fn append(&self, append: Append) -> Result<Done, StoreError> {
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

    /// Who holds a name.
    pub(crate) async fn holder(&self, kind: &str, name: &str) -> Result<Option<Uuid>, sqlx::Error> {
        sqlx::query_scalar("SELECT owner FROM reservations WHERE kind = $1 AND name = $2")
            .bind(kind)
            .bind(name)
            .fetch_optional(&self.pool)
            .await
    }
}
