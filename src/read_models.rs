//! Connects the read models to the appender: neither crate depends on the other.

use std::collections::HashMap;

use async_trait::async_trait;
use commands::identity::Missing;
use commands::{AnyRow, Commands, Vault, Write};
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamId, StreamType, UserId};
use pool::{PgConnection, PgPool};

use crate::config::Config;
use crate::parts::{Database, Error};
use crate::progress::Progress;
use crate::{database, secrets};

/// Applies migrations, and rebuilds read models whose folds have changed. Behind a pooler that keeps no
/// sessions this takes another address, unless there is nothing to do.
pub async fn bring_up_to_date(config: &Config, pool: &PgPool) -> Result<(), Error> {
    if pool.keeps_sessions() {
        return apply(config, pool).await;
    }
    match Database::with_session(config, async |pool| apply(config, pool).await).await {
        Err(Error::NoSession) if is_up_to_date(pool).await? => Ok(()),
        outcome => outcome,
    }
}

async fn is_up_to_date(pool: &PgPool) -> Result<bool, Error> {
    match database::check_migrated(pool).await {
        Ok(()) => Ok(projections::outdated(&mut *pool.acquire().await?).await?.is_empty()),
        Err(database::Error::NotMigrated) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn apply(config: &Config, pool: &PgPool) -> Result<(), Error> {
    database::migrate(pool).await?;
    let outdated = projections::outdated(&mut *pool.acquire().await?).await?;
    if !outdated.is_empty() {
        let progress = Progress::new(config.log_format, "rebuilding read models");
        let personal = Opener::open(config, pool).await?;
        let at = |done, total| progress.at(done, total);
        projections::rebuild(pool, &personal, Some(&outdated), at).await?;
    }
    Ok(())
}

/// The read models that are not what the log says.
pub async fn drifts(config: &Config, pool: &PgPool) -> Result<Vec<projections::Drift>, Error> {
    let progress = Progress::new(config.log_format, "folding the log");
    let personal = Opener::open(config, pool).await?;
    let at = |done, total| progress.at(done, total);
    Ok(projections::verify(pool, &personal, at).await?)
}

/// Opens personal data for the folds.
pub struct Opener(Vault);

impl Opener {
    /// With the keys that these commands use.
    pub fn of(commands: &Commands) -> Self {
        Self(commands.vault().clone())
    }

    /// With the secrets of this database.
    pub async fn open(config: &Config, pool: &PgPool) -> Result<Self, Error> {
        let secrets = secrets::open(config, pool, Missing::Leave).await?;
        Ok(Self(Vault::try_new(pool.clone(), &secrets)?))
    }
}

#[async_trait]
impl projections::OpenPersonal for Opener {
    async fn open(&self, recorded: &mut [Recorded]) -> Result<(), Boxed> {
        Ok(self.0.open(recorded).await?)
    }
}

/// Hands the append's events to the folds.
#[derive(Default)]
pub struct Inline(projections::ReadModels);

type Boxed = Box<dyn std::error::Error + Send + Sync>;

#[async_trait]
impl commands::ReadModels for Inline {
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<commands::Folded, Boxed> {
        let projections::Folded { writes, rows, views } =
            self.0.fold(conn, recorded, before).await?;
        let writes = writes.into_iter().map(|projections::Write { sql, rows }| Write { sql, rows });
        Ok(commands::Folded { writes: writes.collect(), rows, views })
    }

    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        projections::ReadModels::row(before, part)
    }

    fn row_version(&self, kind: StreamType) -> i32 {
        projections::ReadModels::row_version(kind)
    }

    fn write_row(&self, kind: StreamType, row: &AnyRow) -> Option<String> {
        projections::ReadModels::write_row(kind, row)
    }

    fn read_row(&self, kind: StreamType, json: &str) -> Option<AnyRow> {
        projections::ReadModels::read_row(kind, json)
    }

    fn forget(&self) {
        self.0.forget();
    }

    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, Boxed> {
        Ok(projections::ReadModels::category_is_empty(conn, category).await?)
    }

    async fn another_admin_is_active(
        &self,
        conn: &mut PgConnection,
        than: UserId,
    ) -> Result<bool, Boxed> {
        Ok(projections::ReadModels::another_admin_is_active(conn, than).await?)
    }

    async fn open_products_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<ProductId>, Boxed> {
        Ok(projections::ReadModels::open_products_of(conn, person).await?)
    }

    async fn open_orders_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<OrderId>, Boxed> {
        Ok(projections::ReadModels::open_orders_of(conn, person).await?)
    }
}
