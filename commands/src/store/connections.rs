//! Connections of the store's own, so that nobody else stands before it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pool::{Limits, PgConnection, PgPool, PoolConnection, Setting};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ACQUIRE_TIMEOUT;

/// How long one that nobody uses is trusted: what stands between may cut it later, so the pool is
/// to ask.
const TRUSTED: Duration = Duration::from_secs(30);

/// By keys, whatever the values.
const PLANNING: [Setting; 3] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// A rebuild that replaces a table holds the log's head and waits for the table; a statement that has locked the
/// table waits for the head. So the statement gives way, and is tried again.
const LOCK_TIMEOUT: Setting = ("lock_timeout", "200ms");

/// A few connections. One that did what it was asked is kept for the next caller, as the pool
/// asks the database about each that comes back.
#[derive(Clone)]
pub(super) struct Connections {
    pool: PgPool,
    free: Arc<Semaphore>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

struct Kept {
    connection: PoolConnection,
    since: Instant,
}

/// One of them; back in the pool when it is dropped.
pub(super) struct Connection {
    connection: PoolConnection,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// To the database of that pool. The store's statements are few and their plans don't depend on
    /// values, so they are planned once, and always by keys.
    pub(super) fn new(pool: &PgPool, connections: u32) -> Self {
        Self::with(pool, connections, &PLANNING)
    }

    /// One to the same database, whose statements wait for locks no longer than that.
    pub(super) fn one_that_gives_way(pool: &PgPool) -> Self {
        Self::with(pool, 1, &[PLANNING.as_slice(), &[LOCK_TIMEOUT]].concat())
    }

    fn with(pool: &PgPool, connections: u32, settings: &[Setting]) -> Self {
        let pool = pool.with(settings, Limits { connections, patience: ACQUIRE_TIMEOUT });
        let free = Arc::new(Semaphore::new(usize::try_from(connections).unwrap_or(1)));
        Self { pool, free, kept: Arc::default() }
    }

    /// One of them, as soon as one is free.
    pub(super) async fn take(&self) -> Result<Connection, sqlx::Error> {
        let taken = tokio::time::timeout(ACQUIRE_TIMEOUT, self.take_in_turn()).await;
        taken.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn take_in_turn(&self) -> Result<Connection, sqlx::Error> {
        let place = Arc::clone(&self.free).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // What is not trusted any more goes back to the pool here, before that is asked for one.
        let connection = match kept.filter(|kept| kept.since.elapsed() < TRUSTED) {
            Some(kept) => kept.connection,
            None => self.pool.acquire().await?,
        };
        Ok(Connection { connection, _place: place })
    }

    /// It did what it was asked.
    pub(super) fn keep(&self, Connection { connection, _place }: Connection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Kept { connection, since: Instant::now() });
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
