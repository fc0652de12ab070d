//! Applying migrations while the program serves. A lock that others hold is waited for briefly, since later
//! statements wait behind it, and tried for again. Indexes are built beside writers, each by a file of
//! its own that begins with `-- no-transaction`; what a killed build has left is dropped before the next one.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::{Connection, Error, Executor, PgConnection};

use crate::{PgPool, sqlstate};

/// A table of any size may be read for an index or a check.
const NO_TIMEOUT: &str = "SET statement_timeout = 0";
/// Later statements wait behind one that waits for a lock.
const BRIEFLY: &str = "SET lock_timeout = '500ms'";
/// What builds an index waits for those who use the table, and holds up nobody.
const PATIENTLY: &str = "SET lock_timeout = 0";
/// Between tries, to let them pass.
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u32 = 60;
/// `lock_not_available`, which a timeout is too, and `deadlock_detected`.
const PASSING: [&str; 2] = ["55P03", "40P01"];

/// Why a database was not migrated; what was applied before stays.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database failed, or has something else than these migrations.
    #[error(transparent)]
    Failed(#[from] MigrateError),
    /// Other sessions never let go of a table.
    #[error(
        "migration {0} waits for a table that other sessions use: end long transactions, which \
         pg_stat_activity lists, and try again"
    )]
    Locked(i64),
}

impl From<Error> for MigrationError {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Applies what is missing; of several programs that do so at once, one does. A database may have newer
/// migrations than these.
pub async fn migrate(pool: &PgPool, migrator: &Migrator) -> Result<(), MigrationError> {
    // Not given back: its lock and its settings go with it.
    let mut connection = pool.straight()?.acquire().await?.detach();
    connection.execute(NO_TIMEOUT).await?;
    connection.execute(BRIEFLY).await?;
    take_turn(&mut connection).await?;
    let outcome = apply_missing(&mut connection, migrator).await;
    // The server may take a moment to end the session.
    let released = connection.unlock().await;
    outcome?;
    released?;
    Ok(connection.close().await?)
}

/// By the lock that sqlx takes for this database. A statement that waits for it is one that an index which
/// is being built waits for, so nobody waits within one for long.
async fn take_turn(connection: &mut PgConnection) -> Result<(), MigrateError> {
    loop {
        match connection.lock().await {
            Err(error) if may_pass(&error) => tokio::time::sleep(PAUSE).await,
            taken => return taken,
        }
    }
}

async fn apply_missing(
    connection: &mut PgConnection,
    migrator: &Migrator,
) -> Result<(), MigrationError> {
    connection.ensure_migrations_table().await?;
    let applied = connection.list_applied_migrations().await?;
    let applied: HashMap<_, _> =
        applied.iter().map(|applied| (applied.version, &applied.checksum)).collect();
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
    let unknown =
        applied.keys().find(|version| !migrator.version_exists(**version) && **version <= newest);
    if let Some(version) = unknown {
        return Err(MigrateError::VersionMissing(*version).into());
    }
    for migration in migrator.iter() {
        match applied.get(&migration.version) {
            Some(checksum) if **checksum == migration.checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(migration.version).into()),
            None => apply(connection, migration).await?,
        }
    }
    Ok(())
}

/// Tries until others let it.
async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrationError> {
    for _ in 0..TRIES {
        match apply_once(connection, migration).await {
            Err(error) if may_pass(&error) => tokio::time::sleep(PAUSE).await,
            outcome => return Ok(outcome?),
        }
    }
    Err(MigrationError::Locked(migration.version))
}

/// In one transaction with the note that it was applied; an index without.
async fn apply_once(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<(), MigrateError> {
    if migration.no_tx {
        connection.execute(PATIENTLY).await?;
        drop_unfinished(connection, &migration.sql).await?;
    } else {
        connection.execute(BRIEFLY).await?;
    }
    Migrate::apply(connection, migration).await.map(drop)
}

/// What an earlier try at this migration has left: an index that is written to and never read.
async fn drop_unfinished(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    let unfinished = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                      WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace";
    let unfinished: Vec<String> =
        sqlx::query_scalar(unfinished).fetch_all(&mut *connection).await?;
    for name in unfinished.iter().filter(|name| names(sql, name)) {
        let drop = format!("DROP INDEX CONCURRENTLY {name}");
        connection.execute(drop.as_str()).await?;
    }
    Ok(())
}

/// Whether a statement has that word.
fn names(sql: &str, name: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

/// A lock that was not given in time, or a deadlock.
fn may_pass(error: &MigrateError) -> bool {
    sqlstate(error).is_some_and(|code| PASSING.contains(&&*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_an_index_only_by_its_whole_name() {
        let sql = "CREATE INDEX CONCURRENTLY IF NOT EXISTS products_owner ON products (owner_id)";

        assert!(names(sql, "products_owner"));
        assert!(!names(sql, "products_own"));
    }
}
