//! The pool and its connections.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgCopyIn, PgPoolOptions};
use sqlx::{Connection, Error, Executor, Postgres};

use crate::pooler::{Limits, Pooler, Setting, set, set_local};

/// A connection that has rested for longer is asked whether it still is one. After a restart of the database every
/// one that is not asked fails somebody.
const RESTED: Duration = Duration::from_secs(1);

/// How long connections of pools that were derived from another one are waited for when that is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A pool of connections.
#[derive(Clone)]
pub struct PgPool {
    pub(crate) inner: sqlx::PgPool,
    plan: Arc<Plan>,
    /// Made by [`PgPool::with`].
    derived: Arc<Mutex<Vec<Self>>>,
}

/// What every connection of a pool does.
struct Plan {
    pooler: Pooler,
    settings: Vec<Setting>,
    /// With [`Pooler::Transaction`]: what follows the statement that begins a transaction.
    local: Option<Arc<str>>,
}

impl Plan {
    fn new(pooler: Pooler, settings: Vec<Setting>) -> Self {
        let is_local = pooler == Pooler::Transaction;
        let local = is_local.then(|| set_local(&settings).into());
        Self { pooler, settings, local }
    }
}

/// A connection that settings stay with; poolers refuse those in the first message.
#[derive(Debug)]
pub struct PgConnection {
    pub(crate) inner: sqlx::pool::PoolConnection<Postgres>,
    /// With [`Pooler::Transaction`]: what follows the statement that begins a transaction.
    pub(crate) local: Option<Arc<str>>,
}

/// A connection of a pool, which gets it back.
#[derive(Debug)]
pub struct PoolConnection(PgConnection);

/// How many connections a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// In use.
    pub busy: u32,
    /// Open, and not in use.
    pub idle: u32,
    /// The most that there may be.
    pub most: u32,
}

impl PgPool {
    /// A pool without a connection yet.
    pub fn connect_lazy(
        options: PgConnectOptions,
        pooler: Pooler,
        settings: &[Setting],
        limits: Limits,
    ) -> Self {
        let plan = Plan::new(pooler, settings.to_vec());
        let options = match pooler {
            Pooler::None => options.options(settings.iter().copied()),
            // PgBouncer refuses both, and numbers are sent in binary.
            Pooler::Session | Pooler::Transaction => options.extra_float_digits(None),
        };
        let mut pool = PgPoolOptions::new()
            .max_connections(limits.connections)
            .acquire_timeout(limits.patience)
            .test_before_acquire(false)
            .before_acquire(|connection, has_been| {
                async move {
                    if has_been.idle_for >= RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                }
                .boxed()
            });
        if pooler == Pooler::Session {
            let settings: Arc<str> = set(settings).into();
            pool = pool.after_connect(move |connection, _| {
                let settings = Arc::clone(&settings);
                async move { connection.execute(&*settings).await.map(drop) }.boxed()
            });
        }
        Self {
            inner: pool.connect_lazy_with(options),
            plan: Arc::new(plan),
            derived: Arc::default(),
        }
    }

    /// Another pool to the same database, with more settings; it is closed with this one.
    #[must_use]
    pub fn with(&self, more: &[Setting], limits: Limits) -> Self {
        let derived = self.derive(more, limits);
        self.derived().push(derived.clone());
        derived
    }

    fn derived(&self) -> MutexGuard<'_, Vec<Self>> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn derive(&self, more: &[Setting], limits: Limits) -> Self {
        let options = PgConnectOptions::clone(&self.inner.connect_options());
        let Plan { pooler, settings, .. } = &*self.plan;
        match pooler {
            // The settings of this one are in the options.
            Pooler::None => Self::connect_lazy(options, Pooler::None, more, limits),
            Pooler::Session | Pooler::Transaction => {
                let settings = [settings, more].concat();
                Self::connect_lazy(options, *pooler, &settings, limits)
            }
        }
    }

    /// Whether a connection is the same session of PostgreSQL's from one transaction to the next.
    pub fn keeps_sessions(&self) -> bool {
        self.plan.pooler != Pooler::Transaction
    }

    /// A connection.
    pub async fn acquire(&self) -> Result<PoolConnection, Error> {
        let inner = self.inner.acquire().await?;
        Ok(PoolConnection(PgConnection { inner, local: self.plan.local.clone() }))
    }

    /// sqlx's own pool, for a library that takes nothing else and prepares statements in a session.
    pub fn straight(&self) -> Result<sqlx::PgPool, Error> {
        if self.keeps_sessions() {
            return Ok(self.inner.clone());
        }
        let text = "a pooler that keeps no session is between this program and the database";
        Err(Error::Configuration(text.into()))
    }

    /// How many connections there are.
    pub fn connections(&self) -> Connections {
        let idle = u32::try_from(self.inner.num_idle()).unwrap_or(u32::MAX);
        let busy = self.inner.size().saturating_sub(idle);
        Connections { busy, idle, most: self.inner.options().get_max_connections() }
    }

    /// How it is connected to.
    pub fn connect_options(&self) -> Arc<PgConnectOptions> {
        self.inner.connect_options()
    }

    /// Ends all connections, and gives none out any more. What another task holds of a derived pool is waited
    /// for a second at most.
    pub async fn close(&self) {
        let derived = std::mem::take(&mut *self.derived());
        let closing = derived.iter().map(|pool| tokio::time::timeout(CLOSE_TIMEOUT, pool.close()));
        join_all(closing).await;
        self.inner.close().await;
    }
}

/// Of a database that is reached without a pooler.
impl From<sqlx::PgPool> for PgPool {
    fn from(inner: sqlx::PgPool) -> Self {
        Self { inner, plan: Arc::new(Plan::new(Pooler::None, vec![])), derived: Arc::default() }
    }
}

impl fmt::Debug for PgPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address has a password.
        formatter.debug_struct("PgPool").field("pooler", &self.plan.pooler).finish_non_exhaustive()
    }
}

impl PgConnection {
    /// Begins `COPY … FROM STDIN`.
    pub async fn copy_in(
        &mut self,
        statement: &str,
    ) -> Result<PgCopyIn<&mut sqlx::PgConnection>, Error> {
        self.inner.copy_in_raw(statement).await
    }
}

impl PoolConnection {
    /// Takes it from the pool, so that nobody else gets it.
    pub fn detach(self) -> sqlx::PgConnection {
        self.0.inner.detach()
    }

    /// Has it closed, and not given back, once it is dropped.
    pub fn close_on_drop(&mut self) {
        self.0.inner.close_on_drop();
    }

    /// Closes it.
    pub async fn close(self) -> Result<(), Error> {
        self.0.inner.close().await
    }
}

impl Deref for PoolConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for PoolConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
