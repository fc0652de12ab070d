//! Keeps the read models up to date with the program.

use identity::IfMissing;
use identity::Vault;
use pool::PgPool;

use crate::config::Config;
use crate::error::Error;
use crate::parts::{self, Database, patiently};
use crate::progress::Progress;
use crate::{database, secrets};

/// The database for a program that brings it up to date itself, and makes it where there is none.
pub async fn open_up_to_date(config: &Config) -> Result<Database, Error> {
    let database = Database::open_unchecked(config, IfMissing::Create).await?;
    match patiently(async || ensure_up_to_date(config, &database.pool).await).await {
        Ok(()) => database.checked(config).await,
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// Has the owner bring the database up to date, over a connection that is closed again. Where there is none, by the
/// role or for a pooler that keeps no sessions, it has to be so already.
pub async fn ensure_up_to_date(config: &Config, pool: &PgPool) -> Result<(), Error> {
    match Database::with_owner(config, async |owner| bring_up_to_date(config, owner).await).await {
        Err(Error::NoSession | Error::Database(database::Error::NotOwner { .. }))
            if is_up_to_date(pool).await? =>
        {
            Ok(())
        }
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

/// Applies migrations, grants the role that serves its rights, drops what killed rebuilds have left, and rebuilds read
/// models whose folds have changed.
pub async fn bring_up_to_date(config: &Config, pool: &PgPool) -> Result<(), Error> {
    database::migrate(pool).await?;
    parts::grant(config, pool).await?;
    projections::discard_leftovers(pool).await?;
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
    let secrets = secrets::open(config, pool, IfMissing::Leave).await?;
    Ok(Vault::try_new(pool.clone(), &secrets)?)
}
