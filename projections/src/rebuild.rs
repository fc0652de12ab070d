//! Makes read models again from the log, while the ones that there are serve on.

use std::time::Duration;

use log::{LogError, OpenPersonal};
use pool::{PgConnection, PgPool, sqlstate};

use crate::machine::Table;
use crate::models::{self, MODELS, Model};
use crate::streams::{Source, unhurried};
use crate::{RebuildError, indexes};

/// Events of a round trip, of those that came in meanwhile.
const BATCH: i64 = 5_000;
/// What the new tables are called until they take over.
const SUFFIX: &str = "_rebuilt";
/// Held by a rebuild as long as it runs: two would drop each other's tables.
const LOCK: i64 = 0x7665_7474_6564_0002;
/// A reader of an old table holds the swap up, which holds commands up: so it waits briefly,
/// lets them pass, and tries again.
const SWAP_WAIT: &str = "SET LOCAL lock_timeout = '500ms'";
/// Autovacuum gives way to who waits for longer than `deadlock_timeout`, which is a second. To wait for this
/// lock holds up neither readers nor commands, and while it is held autovacuum does not begin again.
const VACUUM_WAIT: &str = "SET LOCAL lock_timeout = '5s'";
/// SQLSTATEs: a lock was waited for in vain; the table is another role's.
const LOCK_NOT_AVAILABLE: &str = "55P03";
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const SWAP_PAUSE: Duration = Duration::from_secs(1);
const SWAP_TRIES: u32 = 30;

/// Makes these read models again, or all of them. Whatever goes wrong, the old ones stay, and
/// nothing else is left behind.
pub async fn rebuild(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    names: Option<&[&str]>,
    progress: impl Fn(i64, i64) + Send + Sync,
) -> Result<(), RebuildError> {
    let models = models::named(names)?;
    locked(pool, async {
        // What a rebuild that was killed has left.
        discard(pool, &models).await?;
        let outcome = fill_and_swap(pool, personal, &models, &progress).await;
        if outcome.is_err()
            && let Err(error) = discard(pool, &models).await
        {
            tracing::warn!(%error, "what the failed rebuild made is left to the next one");
        }
        outcome
    })
    .await
}

/// Does something that one process may do at a time.
async fn locked(
    pool: &PgPool,
    act: impl Future<Output = Result<(), RebuildError>>,
) -> Result<(), RebuildError> {
    let mut holder = unhurried(pool, "BEGIN").await?;
    let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *holder)
        .await?;
    if !free {
        return Err(RebuildError::Running);
    }
    let outcome = act.await;
    holder.rollback().await?;
    outcome
}

async fn fill_and_swap(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    progress: &(impl Fn(i64, i64) + Send + Sync),
) -> Result<(), RebuildError> {
    let tables: Vec<_> = models::tables(models).collect();
    let up_to = create(pool, &tables).await?;
    let source = Source::new(pool, personal, up_to, progress);
    for model in models {
        model.fill(&source, SUFFIX).await?;
    }
    indexes::build(pool, &tables, SUFFIX).await?;
    // Most of what has come in since, so that the last bit, under the lock, is short.
    let mut tx = unhurried(pool, "BEGIN").await?;
    let head = log::head(&mut tx).await?;
    let reached = catch_up(&mut tx, personal, models, (up_to, head), progress).await?;
    tx.commit().await?;
    for attempt in 1.. {
        match catch_up_and_swap(pool, personal, models, reached, progress).await {
            Err(error) if attempt < SWAP_TRIES && has_code(&error, LOCK_NOT_AVAILABLE) => {
                tracing::info!(attempt, "the tables are being read: the swap waits");
                tokio::time::sleep(SWAP_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    Ok(())
}

/// Makes empty copies of tables, whose indexes are built faster once the rows are there; up to which position they
/// are to be filled.
async fn create(pool: &PgPool, tables: &[&Table]) -> Result<i64, RebuildError> {
    let mut tx = unhurried(pool, "BEGIN").await?;
    for table in tables {
        let (name, copy) = (table.name, table.named(SUFFIX));
        let sql = format!("CREATE TABLE {copy} (LIKE {name} INCLUDING ALL EXCLUDING INDEXES)");
        sqlx::raw_sql(&sql).execute(&mut *tx).await?;
    }
    let up_to = log::head(&mut tx).await?;
    log::check_whole(&mut tx, up_to).await?;
    tx.commit().await?;
    Ok(up_to)
}

fn has_code(error: &RebuildError, expected: &str) -> bool {
    sqlstate(error).is_some_and(|code| code == expected)
}

/// With the head locked nothing is appended, so that nothing is missed.
async fn catch_up_and_swap(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    reached: i64,
    progress: &impl Fn(i64, i64),
) -> Result<(), RebuildError> {
    let mut swap = unhurried(pool, "BEGIN").await?;
    let names: Vec<_> = models::tables(models).map(|table| table.name).collect();
    let without_vacuum =
        format!("{VACUUM_WAIT}; LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE", names.join(", "));
    sqlx::raw_sql(&without_vacuum).execute(&mut *swap).await?;
    sqlx::query(SWAP_WAIT).execute(&mut *swap).await?;
    let head = log::lock_head(&mut swap).await?;
    catch_up(&mut swap, personal, models, (reached, head), progress).await?;
    for table in models::tables(models) {
        take_over(&mut swap, table).await?;
    }
    // What made the rows wrong may have made these wrong; they come back as streams are used.
    sqlx::query("DELETE FROM snapshots").execute(&mut *swap).await?;
    swap.commit().await?;
    Ok(())
}

/// Folds the log after one position, up to another, into the copies of the tables.
async fn catch_up(
    conn: &mut PgConnection,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    (after, up_to): (i64, i64),
    progress: &impl Fn(i64, i64),
) -> Result<i64, RebuildError> {
    let mut reached = after;
    while reached < up_to {
        let mut recorded = log::read(conn, reached, up_to, BATCH).await?;
        let Some(last) = recorded.last().map(|last| last.position) else {
            let expected = format!("position {}", reached + 1);
            return Err(LogError::Gap { expected, found: "nothing".to_owned() }.into());
        };
        personal.open(&mut recorded).await.map_err(RebuildError::Personal)?;
        for model in models {
            model.apply(conn, SUFFIX, &recorded).await?;
        }
        reached = last;
        progress(reached, up_to);
    }
    Ok(reached)
}

/// Puts the copy in its table's place, with all the names that the table had.
async fn take_over(conn: &mut PgConnection, table: &Table) -> Result<(), sqlx::Error> {
    let (name, copy) = (table.name, table.named(SUFFIX));
    let names = indexes::names(conn, table).await?.into_iter();
    let renames = names.map(|index| format!("ALTER INDEX {index}{SUFFIX} RENAME TO {index}"));
    grant(conn, name, &copy).await?;
    let swap = [format!("DROP TABLE {name}"), format!("ALTER TABLE {copy} RENAME TO {name}")];
    let sql = swap.into_iter().chain(renames).collect::<Vec<_>>().join("; ");
    sqlx::raw_sql(&sql).execute(&mut *conn).await?;
    sqlx::query(
        "INSERT INTO read_models (name, version) VALUES ($1, $2) ON CONFLICT (name) \
         DO UPDATE SET version = EXCLUDED.version, rebuilt_at = now()",
    )
    .bind(name)
    .bind(table.version)
    .execute(conn)
    .await?;
    Ok(())
}

/// What other roles may do with the table, they may do with its copy.
async fn grant(conn: &mut PgConnection, name: &str, copy: &str) -> Result<(), sqlx::Error> {
    let grants: Option<String> = sqlx::query_scalar(
        "SELECT string_agg(format('GRANT %s ON %I TO %s', privilege_type, $2, \
                coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC')), '; ') \
         FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass AND grantee <> relowner",
    )
    .bind(name)
    .bind(copy)
    .fetch_one(&mut *conn)
    .await?;
    sqlx::raw_sql(&grants.unwrap_or_default()).execute(conn).await.map(drop)
}

/// The tables that a rebuild has left that was killed, by the names of those that they were to replace. Empty
/// while one runs.
pub async fn leftovers(conn: &mut PgConnection) -> Result<Vec<&'static str>, sqlx::Error> {
    let names: Vec<_> = models::tables(&MODELS).map(|table| table.name).collect();
    let copies: Vec<_> = names.iter().map(|name| format!("{name}{SUFFIX}")).collect();
    let left: Vec<bool> = sqlx::query_scalar(
        "SELECT to_regclass(copy) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_locks \
         WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint = $2) \
         FROM unnest($1::text[]) WITH ORDINALITY AS copies (copy, number) ORDER BY number",
    )
    .bind(copies)
    .bind(LOCK)
    .fetch_all(conn)
    .await?;
    Ok(names.into_iter().zip(left).filter_map(|(name, left)| left.then_some(name)).collect())
}

/// Drops what a rebuild has left that was killed; nothing while one runs, or where the tables are another role's.
pub async fn discard_leftovers(pool: &PgPool) -> Result<(), RebuildError> {
    if leftovers(&mut *pool.acquire().await?).await?.is_empty() {
        return Ok(());
    }
    match locked(pool, async { Ok(discard(pool, &MODELS).await?) }).await {
        Err(RebuildError::Running) => Ok(()),
        Err(error) if has_code(&error, INSUFFICIENT_PRIVILEGE) => Ok(()),
        outcome => outcome,
    }
}

async fn discard(pool: &PgPool, models: &[&'static dyn Model]) -> Result<(), sqlx::Error> {
    let mut tx = unhurried(pool, "BEGIN").await?;
    for table in models::tables(models) {
        let sql = format!("DROP TABLE IF EXISTS {}", table.named(SUFFIX));
        sqlx::raw_sql(&sql).execute(&mut *tx).await?;
    }
    tx.commit().await
}
