//! The pool, and what a database must be before anything is promised on it.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool, Row};
use tokio::time::Instant;

use crate::reach::{self, Unreachable};

/// Append-only.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Connections of one process at most.
const CONNECTIONS: u32 = 24;
/// Of its workers.
const WORKER_CONNECTIONS: u32 = 8;

/// How long a request waits for a connection: its client is told within a second that there is none.
const CONNECTION_PATIENCE: Duration = Duration::from_millis(800);
/// The same for workers, whose clients wait for nothing.
const WORKER_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server that is just starting is waited for, and one that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Why a database can't be used; the text is meant for its user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("DATABASE_URL must be a postgres:// address: {0}")]
    Url(sqlx::Error),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the database failed: {0}")]
    Failed(sqlx::Error),
    #[error(
        "the database has {setting} = {value}, so it may lose what it has confirmed: turn it on, \
         or set ALLOW_UNSAFE_DATABASE=true"
    )]
    Unsafe { setting: String, value: String },
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the database has not been migrated: run `vetted migrate` first")]
    NotMigrated,
}

/// Connects, and refuses a database that may lose what it has confirmed. `variable` is what names
/// the server when it can't be reached.
pub async fn connect(
    variable: &'static str,
    url: &SecretString,
    allow_unsafe: bool,
) -> Result<PgPool, Error> {
    let options = options(url)?;
    check_reachable(variable, &options).await?;
    let pool = pool(options, CONNECTIONS, CONNECTION_PATIENCE);
    if !allow_unsafe {
        refuse_unsafe(&pool).await?;
    }
    Ok(pool)
}

/// Connects once, since a pool does not tell why it has no connection.
async fn check_reachable(
    variable: &'static str,
    options: &PgConnectOptions,
) -> Result<(), Unreachable> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match tokio::time::timeout_at(deadline, options.connect()).await {
            Ok(Ok(connection)) => {
                // The check is done, whatever becomes of the connection.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) if may_pass(&error) && Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Err(error)) => return Err(reach::database(variable, options, &error)),
            Err(_) => return Err(reach::slow_database(variable, options)),
        }
    }
}

/// 57P03 (cannot_connect_now) and 53300 (too_many_connections): the server answers, and may take a
/// connection a moment later.
fn may_pass(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("57P03" | "53300"))
}

fn options(url: &SecretString) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(Error::Url)?.options([
        ("timezone", "UTC"),
        ("statement_timeout", "20s"),
        // Compiling takes longer than any of these statements.
        ("jit", "off"),
        // A statement that is planned while a table is nearly empty would read all of it ever after.
        ("enable_seqscan", "off"),
        // A transaction whose request went away must not hold the log's lock for long.
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    Ok(options.application_name("vetted"))
}

fn pool(options: PgConnectOptions, connections: u32, patience: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(patience)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// A pool for workers, without a connection yet. Their commits do not wait for the disk: what they
/// record may be lost in a crash, since each effect may be tried again.
pub fn relaxed(url: &SecretString) -> Result<PgPool, Error> {
    let options = options(url)?.options([("synchronous_commit", "off")]);
    Ok(pool(options, WORKER_CONNECTIONS, WORKER_PATIENCE))
}

async fn refuse_unsafe(pool: &PgPool) -> Result<(), Error> {
    let rows = sqlx::query(
        "SELECT name, setting FROM pg_settings
         WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'",
    )
    .fetch_all(pool)
    .await
    .map_err(Error::Failed)?;
    match rows.first() {
        Some(row) => Err(Error::Unsafe { setting: row.get("name"), value: row.get("setting") }),
        None => Ok(()),
    }
}

/// Applies the migrations that are missing; of several programs that do so at once, one does.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    Ok(MIGRATIONS.run(pool).await?)
}

/// The number of the newest migration that this program has.
pub fn newest_migration() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Whether the schema is the one that this program was built for.
pub async fn check_migrated(pool: &PgPool) -> Result<(), Error> {
    let applied: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(pool)
            .await;
    match applied {
        Ok(applied) if applied >= Some(newest_migration()) => Ok(()),
        Ok(_) => Err(Error::NotMigrated),
        Err(error) if error.as_database_error().is_some() => Err(Error::NotMigrated),
        Err(error) => Err(Error::Failed(error)),
    }
}
