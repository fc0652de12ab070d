//! `vetted migrate`: brings the database up to date, its read models included.

use crate::config::Config;
use crate::database;
use crate::parts::{Database, Error};
use crate::read_models;

/// Migrates, and says up to which version.
pub async fn run(config: &Config) -> Result<(), Error> {
    Database::with(config, async |pool| read_models::bring_up_to_date(config, pool).await).await?;
    let newest = database::MIGRATIONS.iter().map(|migration| migration.version).max();
    super::say(&format!("The database is at version {}.", newest.unwrap_or(0)))
}
