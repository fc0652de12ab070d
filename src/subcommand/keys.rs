//! `vetted keys rotate`: new keys to sign, to encrypt to and to wrap, while the program goes on.

use std::time::Duration;

use commands::identity::Secrets;
use commands::{Vault, VaultError};
use sqlx::PgPool;

use crate::config::Config;
use crate::database;
use crate::parts::{self, Database, Error};
use crate::progress::Progress;

/// Running processes look at the file more often than this.
const READ_BY_ALL: Duration = Duration::from_secs(2);

/// Rotates the keys, and wraps every person's key anew; events stay as they are.
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
    super::say(&format!(
        "New keys sign and are published in 10 seconds, and the ones before stay accepted; \
         {rewrapped} persons' keys were wrapped with the new master key."
    ))
}

async fn rewrap(config: &Config, pool: &PgPool) -> Result<i64, Error> {
    let vault = Vault::try_new(pool.clone(), &parts::secrets(config)?)?;
    let progress = Progress::new("wrapping keys");
    let rewrapped: Result<i64, VaultError> =
        vault.rewrap(|done, total| progress.at(done, total)).await;
    Ok(rewrapped?)
}
