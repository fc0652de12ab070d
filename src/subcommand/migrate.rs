//! `vetted migrate`: brings the database up to date, its read models included.

use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::{database, output, read_models};

/// Migrates, and prints the version.
pub async fn run(config: &Config) -> Result<(), Error> {
    Database::with_owner(config, async |pool| read_models::bring_up_to_date(config, pool).await)
        .await?;
    let newest = database::newest_migration();
    Ok(output::line(&format!("The database is at version {newest}."))?)
}
