//! `vetted migrate`: brings the database's schema up to date.

use crate::config::Config;
use crate::database;
use crate::parts::{Database, Error};

/// Migrates, and says up to which version.
pub async fn run(config: &Config) -> Result<(), Error> {
    Database::with(config, async |pool| Ok(database::migrate(pool).await?)).await?;
    let newest = database::MIGRATIONS.iter().map(|migration| migration.version).max();
    super::say(&format!("The database is at version {}.", newest.unwrap_or(0)))
}
