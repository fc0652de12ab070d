//! The database that is backed up, as of one moment, and the one that a backup goes into.

use pool::{PgPool, Transaction};
use sqlx::Row;

use super::manifest::Head;
use crate::database;
use crate::error::Error;

/// A moment of the database, for as long as the value lives.
pub(super) struct Snapshot {
    transaction: Transaction<'static>,
    /// What `pg_dump` calls it.
    pub(super) id: String,
    pub(super) head: Head,
    /// The number of the newest migration.
    pub(super) schema: i64,
    /// `server_version_num`.
    pub(super) server: u32,
    /// The check value of the secrets.
    pub(super) check: Vec<u8>,
    /// How many tables there are.
    pub(super) tables: i64,
}

impl Snapshot {
    pub(super) async fn take(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction =
            pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        // It does nothing while the dump is made.
        let patience = "SET LOCAL idle_in_transaction_session_timeout = 0";
        sqlx::raw_sql(patience).execute(&mut *transaction).await?;
        let row = sqlx::query(
            "SELECT pg_export_snapshot() AS id,
                    (SELECT max(version) FROM _sqlx_migrations WHERE success) AS schema,
                    current_setting('server_version_num')::integer AS server,
                    (SELECT value FROM secrets_check) AS secrets,
                    (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()) AS tables",
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(not_migrated)?;
        let check: Option<Vec<u8>> = row.try_get("secrets")?;
        let (position, event) = log::tip(&mut transaction).await?;
        let head = Head { position, event };
        let (id, schema, server) = (row.try_get("id")?, row.try_get("schema")?, version(&row)?);
        let check = check.ok_or_else(|| {
            let text = "this database has no keys yet, so there is nothing in it to back up: start the \
                        program once";
            Error::Usage(text.to_owned())
        })?;
        let tables = row.try_get("tables")?;
        Ok(Self { transaction, id, head, schema, server, check, tables })
    }

    pub(super) async fn release(self) -> Result<(), Error> {
        Ok(self.transaction.rollback().await?)
    }
}

fn version(row: &sqlx::postgres::PgRow) -> Result<u32, sqlx::Error> {
    row.try_get::<i32, _>("server").map(i32::cast_unsigned)
}

fn not_migrated(error: sqlx::Error) -> Error {
    if pool::sqlstate(&error).as_deref() == Some("42P01") {
        return database::Error::NotMigrated.into();
    }
    error.into()
}

/// The server's `server_version_num`.
pub(super) async fn server_version(pool: &PgPool) -> Result<u32, Error> {
    let version = "SELECT current_setting('server_version_num')::integer AS server";
    Ok(version_of(sqlx::query(version).fetch_one(pool).await?)?)
}

fn version_of(row: sqlx::postgres::PgRow) -> Result<u32, sqlx::Error> {
    version(&row)
}

/// Refuses a database that has events, or tables of something else, and takes the tables of one that was
/// only migrated.
pub(super) async fn make_room(pool: &PgPool) -> Result<(), Error> {
    let present = tables(pool).await?;
    let ours = database::tables();
    if let Some(other) = present.iter().find(|name| !ours.contains(name.as_str())) {
        return Err(Error::Usage(format!(
            "this database has a table {other}, which is not of this program: set DATABASE_URL to an empty \
             database"
        )));
    }
    let has_log = present.iter().any(|name| name == "events");
    let events = "SELECT EXISTS (SELECT FROM events)";
    if has_log && sqlx::query_scalar(events).fetch_one(pool).await? {
        let text = "this database has events, and a backup is restored only into an empty one: set \
                    DATABASE_URL, or DATA_DIR, to where there is none";
        return Err(Error::Usage(text.to_owned()));
    }
    drop_tables(pool, &present).await
}

/// Leaves nothing of a restore that failed.
pub(super) async fn clear(pool: &PgPool) -> Result<(), Error> {
    drop_tables(pool, &tables(pool).await?).await
}

async fn drop_tables(pool: &PgPool, names: &[String]) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let quoted: Vec<_> =
        names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let drop = format!("DROP TABLE {} CASCADE", quoted.join(", "));
    sqlx::raw_sql(&drop).execute(pool).await?;
    Ok(())
}

async fn tables(pool: &PgPool) -> Result<Vec<String>, Error> {
    let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    Ok(sqlx::query_scalar(names).fetch_all(pool).await?)
}

/// Where the log of a database ends.
pub(super) async fn head(pool: &PgPool) -> Result<Head, Error> {
    let (position, event) = log::tip(&mut *pool.acquire().await?).await?;
    Ok(Head { position, event })
}

/// The check value of a database's secrets.
pub(super) async fn secrets_check(pool: &PgPool) -> Result<Option<Vec<u8>>, Error> {
    Ok(sqlx::query_scalar("SELECT value FROM secrets_check").fetch_optional(pool).await?)
}
