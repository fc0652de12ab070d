//! `vetted keys rotate`: new keys for signing, encryption and wrapping, while the program serves.

use std::time::Duration;

use identity::{IfMissing, Secrets};
use identity::{Vault, VaultError};
use pool::PgPool;

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::progress::Progress;
use crate::{database, output, secrets};

/// Running processes look at the file more often than this.
const READ_BY_ALL: Duration = Duration::from_secs(2);

/// Rotates the keys, and wraps every person's key again; events are not changed.
pub async fn rotate(config: &Config) -> Result<(), Error> {
    let rewrapped = Database::with(config, async |pool| {
        database::check_migrated(pool).await?;
        // What an earlier rotation left behind needs the key that this one would drop.
        rewrap(config, pool).await?;
        Secrets::rotate(&config.secrets_file)?;
        tokio::time::sleep(READ_BY_ALL).await;
        rewrap(config, pool).await
    })
    .await?;
    Ok(output::line(&format!(
        "In 10 seconds the new keys sign and are published. The ones before are still accepted. \
         The keys of {rewrapped} persons were wrapped with the new wrapping key."
    ))?)
}

async fn rewrap(config: &Config, pool: &PgPool) -> Result<i64, Error> {
    let vault =
        Vault::try_new(pool.clone(), &secrets::open(config, pool, IfMissing::Leave).await?)?;
    let progress = Progress::new(config.log_format, "wrapping keys");
    let rewrapped: Result<i64, VaultError> =
        vault.rewrap(|done, total| progress.at(done, total)).await;
    Ok(rewrapped?)
}
