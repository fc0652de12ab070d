//! The read models, as the appender needs them: neither crate knows the other.

use async_trait::async_trait;
use domain::{CategoryId, Recorded};
use sqlx::{PgConnection, PgPool};

use crate::database;
use crate::parts::Error;
use crate::progress::Progress;

/// Migrates, and makes read models again whose folds have changed.
pub async fn bring_up_to_date(pool: &PgPool) -> Result<(), Error> {
    database::migrate(pool).await?;
    let outdated = projections::outdated(&mut *pool.acquire().await?).await?;
    if !outdated.is_empty() {
        let progress = Progress::new("making read models again");
        projections::rebuild(pool, Some(&outdated), |done, total| progress.at(done, total)).await?;
    }
    Ok(())
}

/// Hands the append's events to the folds.
pub struct Inline;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

#[async_trait]
impl commands::ReadModels for Inline {
    async fn apply(&self, conn: &mut PgConnection, recorded: &[Recorded]) -> Result<(), Boxed> {
        Ok(projections::ReadModels::apply(conn, recorded).await?)
    }

    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, Boxed> {
        Ok(projections::ReadModels::category_is_empty(conn, category).await?)
    }
}
