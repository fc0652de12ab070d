//! Folds the log once more and compares with what serves.

use log::OpenPersonal;
use pool::PgPool;

use crate::drift::{Drift, NAMED};
use crate::models::MODELS;
use crate::streams::{Source, unhurried};
use crate::{RebuildError, snapshot};

/// Folds everything again and compares, all as of one moment. Empty where nothing differs.
pub async fn verify(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    progress: impl Fn(i64, i64) + Send + Sync,
) -> Result<Vec<Drift>, RebuildError> {
    let mut tx = unhurried(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let snapshot = sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *tx).await?;
    let up_to = log::head(&mut tx).await?;
    log::check_whole(&mut tx, up_to).await?;
    let source = Source::new(pool, personal, up_to, &progress).at_snapshot(snapshot);
    let mut drifts = vec![];
    for model in MODELS {
        drifts.extend(model.compare(&source).await?);
    }
    drifts.extend(snapshot::verify(&mut tx, NAMED).await?);
    Ok(drifts)
}
