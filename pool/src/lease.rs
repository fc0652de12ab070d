//! Rows that one process at a time works on, until another one takes over from it.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{Encode, Error, Postgres, Type};
use tokio::time::{Instant, sleep};

use crate::PgPool;

/// Where a table says until when somebody works on a row. Its column `fence` is higher for each later holder.
#[derive(Debug)]
pub struct Leased {
    /// The table.
    pub table: &'static str,
    /// The column that names the row.
    pub key: &'static str,
    /// The column with the end of the lease, by the database's clock.
    pub until: &'static str,
}

/// One holder's right to work on a row. Whatever it writes in that right asks for its fence.
#[derive(Clone, Debug)]
pub struct Lease<K> {
    pool: PgPool,
    leased: &'static Leased,
    key: K,
    fence: i64,
    length: Duration,
}

impl<K> Lease<K>
where
    K: Copy + Send + Sync + for<'q> Encode<'q, Postgres> + Type<Postgres>,
{
    /// Of a row that was just taken with that fence, for that long.
    pub const fn new(
        pool: PgPool,
        leased: &'static Leased,
        key: K,
        fence: i64,
        length: Duration,
    ) -> Self {
        Self { pool, leased, key, fence, length }
    }

    /// The pool that it is kept by.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Tells this holder from earlier and later ones.
    pub const fn fence(&self) -> i64 {
        self.fence
    }

    /// Whether it could be kept.
    pub async fn renew(&self) -> Result<bool, Error> {
        self.set(self.length, "fence").await
    }

    /// Lets the next one in at once. The fence is for a renewal that is still on its way.
    pub async fn release(&self) -> Result<bool, Error> {
        self.set(Duration::ZERO, "fence + 1").await
    }

    async fn set(&self, length: Duration, fence: &str) -> Result<bool, Error> {
        let Leased { table, key, until } = self.leased;
        let sql = format!(
            "UPDATE {table} SET {until} = now() + $3, fence = {fence} WHERE {key} = $1 AND fence = $2"
        );
        let update = sqlx::query(&sql).bind(self.key).bind(self.fence).bind(interval(length));
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Keeps it until it is lost.
    pub async fn keep(&self) {
        keep(self.length, || self.renew()).await;
    }
}

/// Renews what is held for that long at a time. Returns once it is lost, or could not be renewed for that long.
pub async fn keep<F>(length: Duration, renew: impl Fn() -> F + Send + Sync)
where
    F: Future<Output = Result<bool, Error>> + Send,
{
    let mut renewed = Instant::now();
    while renewed.elapsed() < length {
        sleep(length / 4).await;
        match renew().await {
            Ok(true) => renewed = Instant::now(),
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
        }
    }
}

/// A duration as PostgreSQL takes it: in whole microseconds. It has no finer ones, and sqlx refuses to round.
pub fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}
