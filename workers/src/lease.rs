//! Work that one process at a time does: the one that holds the row.

use std::time::Duration;

use pool::PgPool;
use uuid::Uuid;

use crate::interval::interval;

/// One process's claim to a named lease. The database's clock alone counts.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pool: PgPool,
    name: &'static str,
    holder: Uuid,
    pub(crate) length: Duration,
}

impl Lease {
    pub(crate) fn new(pool: PgPool, name: &'static str, length: Duration) -> Self {
        Self { pool, name, holder: Uuid::now_v7(), length }
    }

    /// Takes it if nobody holds it. The fence is higher than every earlier one.
    pub(crate) async fn take(&self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "INSERT INTO leases AS held (name, holder, fence, until) \
             VALUES ($1, $2, 1, now() + $3) \
             ON CONFLICT (name) DO UPDATE SET \
             holder = excluded.holder, fence = held.fence + 1, until = excluded.until \
             WHERE held.until <= now() OR held.holder = excluded.holder RETURNING fence",
        )
        .bind(self.name)
        .bind(self.holder)
        .bind(interval(self.length))
        .fetch_optional(&self.pool)
        .await
    }

    /// Whether it could be kept.
    pub(crate) async fn renew(&self, fence: i64) -> Result<bool, sqlx::Error> {
        self.set(fence, self.length).await
    }

    /// Lets the next one in at once.
    pub(crate) async fn release(&self, fence: i64) -> Result<bool, sqlx::Error> {
        self.set(fence, Duration::ZERO).await
    }

    async fn set(&self, fence: i64, length: Duration) -> Result<bool, sqlx::Error> {
        let held = sqlx::query(
            "UPDATE leases SET until = now() + $3 WHERE name = $1 AND fence = $2 AND holder = $4",
        );
        let done = held.bind(self.name).bind(fence).bind(interval(length)).bind(self.holder);
        Ok(done.execute(&self.pool).await?.rows_affected() == 1)
    }
}
