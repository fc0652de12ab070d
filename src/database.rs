//! The pool, and what a database must be before anything is promised on it.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use pool::{Limits, PgConnection, PgPool, Pooler, Setting, UNFLUSHED};
use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use tokio::time::Instant;

use crate::reach::{self, Unreachable};

/// Append-only.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Of one process. A request's client is told within a second that there is none.
const LIMITS: Limits = Limits { connections: 24, patience: Duration::from_millis(800) };
/// Of its workers, whose clients wait for nothing.
const WORKER_LIMITS: Limits = Limits { connections: 8, patience: Duration::from_secs(5) };
const PROGRESS_LIMITS: Limits = Limits { connections: 4, ..WORKER_LIMITS };

/// What every statement relies on.
const SETTINGS: [Setting; 6] = [
    ("timezone", "UTC"),
    ("statement_timeout", "20s"),
    // Compiling takes longer than any of these statements.
    ("jit", "off"),
    // A statement that is planned while a table is nearly empty would read all of it ever after.
    ("enable_seqscan", "off"),
    // A transaction whose request went away must not hold the log's lock for long.
    ("idle_in_transaction_session_timeout", "10s"),
    // By default a schema that is named like the role comes first, where others may have put tables of these names.
    ("search_path", "public"),
];

/// How long a server that is just starting is waited for, and one that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Why a database can't be used; the text is meant for its user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("DATABASE_URL must be a postgres:// address: {0}")]
    Url(sqlx::Error),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the database failed: {0}")]
    Failed(#[from] sqlx::Error),
    #[error(
        "the database has {setting} = {value}, so it may lose what it has confirmed: turn it on, \
         or set ALLOW_UNSAFE_DATABASE=true"
    )]
    Unsafe { setting: String, value: String },
    #[error(
        "{variable}: the setting {name} is {current} and not {value}: set DATABASE_POOLER to session or \
         transaction where a pooler such as PgBouncer is in between"
    )]
    Settings { variable: &'static str, name: &'static str, value: &'static str, current: String },
    #[error("{0}: a pooler in transaction mode is in between: set DATABASE_POOLER=transaction")]
    NoSessions(&'static str),
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] pool::MigrationError),
    #[error(
        "migration {0} of a later version has taken away what this one uses: run the later version"
    )]
    TooNew(i64),
    #[error("the database has not been migrated: run `vetted migrate` first")]
    NotMigrated,
    #[error(
        "{variable}: the role {role} may not change the schema: set MIGRATION_DATABASE_URL to the address of \
         the role that owns it"
    )]
    NotOwner { variable: &'static str, role: String },
    #[error(
        "DATABASE_URL: the role {role} lacks the right {privilege} on the table {table}: run `vetted migrate` \
         with this DATABASE_URL, and MIGRATION_DATABASE_URL set to the address of the role that owns the table"
    )]
    NotGranted { role: String, privilege: String, table: String },
    #[error(
        "MIGRATION_DATABASE_URL leads to another database than DATABASE_URL: set both to addresses of the same one"
    )]
    OtherDatabase,
    #[error(
        "DATABASE_URL: there is no role {0}: make it by CREATE ROLE, and run `vetted migrate` again"
    )]
    NoRole(String),
}

/// Where a database is, and what stands before it.
#[derive(Clone)]
pub struct Address {
    /// What names it when it can't be reached.
    pub variable: &'static str,
    pub url: SecretString,
    pub pooler: Pooler,
}

/// Connects, and refuses a database that may lose what it has confirmed, and one that statements
/// reach without the settings that they rely on.
pub async fn connect(address: &Address, allow_unsafe: bool) -> Result<PgPool, Error> {
    let options = options(&address.url)?;
    let pool = PgPool::connect_lazy(options, address.pooler, &SETTINGS, LIMITS);
    check_reachable(address.variable, &pool.connect_options()).await?;
    // A start may wait longer than a request.
    let patient = pool.with(&[], Limits { connections: 2, patience: CONNECT_TIMEOUT });
    let checked = check(address, &patient, allow_unsafe).await;
    patient.close().await;
    checked.map(|()| pool)
}

/// Refuses an owner's connections that lead to another database than the address of the role that serves: a lock of the
/// one is not seen by the other. Says nothing where that one cannot be reached.
pub async fn check_same(owner: &PgPool, serving: &SecretString) -> Result<(), Error> {
    let Ok(mut other) = options(serving)?.connect().await else { return Ok(()) };
    let mut transaction = owner.begin().await?;
    let key = "SELECT floor(random() * 9e18)::bigint";
    let key: i64 = sqlx::query_scalar(key).fetch_one(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key).execute(&mut *transaction).await?;
    // Nothing is prepared, and a pooler may be in between.
    let seen = sqlx::raw_sql(&format!(
        "SELECT EXISTS (
             SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
             WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 1
             AND (classid::bigint << 32) | objid::bigint = {key})"
    ))
    .fetch_one(&mut other)
    .await?;
    transaction.rollback().await?;
    // What was to be seen was seen.
    let _ = other.close().await;
    if seen.try_get(0)? { Ok(()) } else { Err(Error::OtherDatabase) }
}

async fn check(address: &Address, pool: &PgPool, allow_unsafe: bool) -> Result<(), Error> {
    check_settings(address, pool).await?;
    if pool.keeps_sessions() {
        check_sessions(address, pool).await?;
    }
    if allow_unsafe { Ok(()) } else { refuse_unsafe(pool).await }
}

/// Two clients have one server's connection in turn only behind a pooler in transaction mode. It tells them
/// nothing, and one would run the other's statements.
async fn check_sessions(address: &Address, pool: &PgPool) -> Result<(), Error> {
    let mut one = pool.acquire().await.map_err(Error::Failed)?;
    let first = server_process(&mut one).await?;
    let mut other = pool.begin().await.map_err(Error::Failed)?;
    let second = server_process(&mut other).await?;
    other.rollback().await.map_err(Error::Failed)?;
    if first == second { Err(Error::NoSessions(address.variable)) } else { Ok(()) }
}

/// Nothing is prepared: that might stay with a connection that is another client's next.
async fn server_process(connection: &mut PgConnection) -> Result<i32, Error> {
    let asked = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await;
    asked.and_then(|row| row.try_get(0)).map_err(Error::Failed)
}

/// A pooler that is not known of drops them, or gives them to others.
async fn check_settings(address: &Address, pool: &PgPool) -> Result<(), Error> {
    let mut transaction = pool.begin().await.map_err(Error::Failed)?;
    let names = SETTINGS.map(|(name, _)| name);
    let current = sqlx::query_scalar(
        "SELECT array_agg(current_setting(name)) FROM unnest($1::text[]) AS name",
    );
    let current: Vec<String> = current
        .bind(names.as_slice())
        .persistent(false)
        .fetch_one(&mut *transaction)
        .await
        .map_err(Error::Failed)?;
    transaction.rollback().await.map_err(Error::Failed)?;
    let differs = |((_, value), current): &(Setting, String)| value != current;
    match SETTINGS.into_iter().zip(current).find(differs) {
        None => Ok(()),
        Some(((name, value), current)) => {
            Err(Error::Settings { variable: address.variable, name, value, current })
        }
    }
}

/// Connects once, since a pool does not tell why it has no connection.
async fn check_reachable(
    variable: &'static str,
    options: &PgConnectOptions,
) -> Result<(), Unreachable> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
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
    matches!(pool::sqlstate(error).as_deref(), Some("57P03" | "53300"))
}

fn options(url: &SecretString) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(Error::Url)?;
    Ok(options.application_name("vetted"))
}

/// Whom an address lets in.
pub fn role(url: &SecretString) -> Result<String, Error> {
    Ok(options(url)?.get_username().to_owned())
}

/// A pool for workers, without a connection yet.
pub fn for_workers(pool: &PgPool) -> PgPool {
    pool.with(&[], WORKER_LIMITS)
}

/// A pool for how far workers are, without a connection yet. A crash of the database may lose what was committed last
/// by it, and then that is done again; nothing else may be committed by it. Claims on an `Idempotency-Key` are the other
/// commits of that kind (`commands/src/idempotency.rs`).
pub fn for_progress(pool: &PgPool) -> PgPool {
    pool.with(&[UNFLUSHED], PROGRESS_LIMITS)
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
    pool::migrate(pool, &MIGRATIONS).await?;
    check_migrated(pool).await
}

/// Every table that a migration has made.
pub fn tables() -> BTreeSet<&'static str> {
    let lines = MIGRATIONS.iter().flat_map(|migration| migration.sql.lines());
    let made = lines.filter_map(|line| line.strip_prefix("CREATE TABLE "));
    made.filter_map(|rest| rest.split_whitespace().next()).chain(["_sqlx_migrations"]).collect()
}

/// The number of the newest migration that this program has.
pub fn newest_migration() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Whether the schema has all that this program was built for. A later version may have added to it; a
/// contract step of one, which is called so, has taken something away.
pub async fn check_migrated(pool: &PgPool) -> Result<(), Error> {
    let applied: Result<(Option<i64>, Option<i64>), _> = sqlx::query_as(
        "SELECT max(version), min(version) FILTER (WHERE version > $1 AND description LIKE 'contract %')
         FROM _sqlx_migrations WHERE success",
    )
    .bind(newest_migration())
    .fetch_one(pool)
    .await;
    match applied {
        Ok((_, Some(contract))) => Err(Error::TooNew(contract)),
        Ok((applied, None)) if applied >= Some(newest_migration()) => Ok(()),
        Ok(_) => Err(Error::NotMigrated),
        Err(error) if error.as_database_error().is_some() => Err(Error::NotMigrated),
        Err(error) => Err(Error::Failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_the_migrations_that_made_them() {
        let tables = tables();

        for name in ["events", "log_head", "products", "person_keys", "readiness", "leases"] {
            assert!(tables.contains(name), "{name}");
        }
    }
}
