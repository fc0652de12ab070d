//! Keeps the read models up to date with the program.

use identity::Missing;
use identity::Vault;
use pool::PgPool;

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
        let personal = vault(config, pool).await?;
        let at = |done, total| progress.at(done, total);
        projections::rebuild(pool, &personal, Some(&outdated), at).await?;
    }
    Ok(())
}

/// The read models that are not what the log says.
pub async fn drifts(config: &Config, pool: &PgPool) -> Result<Vec<projections::Drift>, Error> {
    let progress = Progress::new(config.log_format, "folding the log");
    let personal = vault(config, pool).await?;
    let at = |done, total| progress.at(done, total);
    Ok(projections::verify(pool, &personal, at).await?)
}

/// Opens personal data with the secrets of this database.
pub async fn vault(config: &Config, pool: &PgPool) -> Result<Vault, Error> {
    let secrets = secrets::open(config, pool, Missing::Leave).await?;
    Ok(Vault::try_new(pool.clone(), &secrets)?)
}
