//! Work that one process at a time does: the one that holds the row of its name.

use std::time::Duration;

use pool::{Lease, Leased, PgPool, interval};
use uuid::Uuid;

const LEASES: Leased = Leased { table: "leases", key: "name", until: "until" };

/// Takes a named lease for one process.
#[derive(Clone, Debug)]
pub(crate) struct NamedLease {
    pool: PgPool,
    name: &'static str,
    holder: Uuid,
    length: Duration,
}

impl NamedLease {
    pub(crate) fn new(pool: PgPool, name: &'static str, length: Duration) -> Self {
        Self { pool, name, holder: Uuid::now_v7(), length }
    }

    /// Takes it if nobody else holds it.
    pub(crate) async fn take(&self) -> Result<Option<Lease<&'static str>>, sqlx::Error> {
        let fence: Option<i64> = sqlx::query_scalar(
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
        .await?;
        let lease = |fence| Lease::new(self.pool.clone(), &LEASES, self.name, fence, self.length);
        Ok(fence.map(lease))
    }
}
