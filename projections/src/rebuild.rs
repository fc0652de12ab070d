//! Makes read models again from the log, while the ones that there are serve on.

use std::time::Duration;

use pool::{PgConnection, PgPool};

use crate::machine::Table;
use crate::models::{self, Model};
use crate::{OpenPersonal, RebuildError, log};

/// Events per round trip.
pub(crate) const BATCH: i64 = 5_000;
/// What the new tables are called until they take over.
const SUFFIX: &str = "_rebuilt";
/// Held by a rebuild as long as it runs: two would drop each other's tables.
const LOCK: i64 = 0x7665_7474_6564_0002;
/// A reader of an old table holds the swap up, which holds commands up: so it waits briefly,
/// lets them pass, and tries again.
const SWAP_WAIT: &str = "SET LOCAL lock_timeout = '500ms'";
const SWAP_PAUSE: Duration = Duration::from_secs(1);
const SWAP_TRIES: u32 = 30;

/// Makes these read models again, or all of them. Whatever goes wrong, the old ones stay, and
/// nothing else is left behind.
pub async fn rebuild(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    names: Option<&[&str]>,
    progress: impl Fn(i64, i64),
) -> Result<(), RebuildError> {
    let models = models::named(names)?;
    let mut conn = pool.acquire().await?;
    // Not given back: its lock and its settings go with it.
    conn.close_on_drop();
    sqlx::raw_sql("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .execute(&mut *conn)
        .await?;
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *conn)
        .await?;
    if !locked {
        return Err(RebuildError::Running);
    }
    // What a rebuild that was killed has left.
    discard(&mut conn, &models).await?;
    let outcome = fill_and_swap(&mut conn, personal, &models, &progress).await;
    if outcome.is_err()
        && let Err(error) = discard(&mut conn, &models).await
    {
        tracing::warn!(%error, "what the failed rebuild made is left to the next one");
    }
    // The server may take a moment to end the session, and the next rebuild need not wait for that.
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *conn).await?;
    conn.close().await?;
    outcome
}

async fn fill_and_swap(
    conn: &mut PgConnection,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    progress: &impl Fn(i64, i64),
) -> Result<(), RebuildError> {
    for table in models::tables(models) {
        create(conn, table, "TABLE", SUFFIX).await?;
    }
    let head = log::head(conn).await?;
    let reached = replay(conn, personal, models, SUFFIX, 0, head, progress).await?;
    for table in models::tables(models) {
        add_indexes(conn, table).await?;
    }
    // Most of what has come in since, so that the last bit, under the lock, is short.
    let head = log::head(conn).await?;
    let reached = replay(conn, personal, models, SUFFIX, reached, head, progress).await?;
    for attempt in 1.. {
        match catch_up_and_swap(conn, personal, models, reached, progress).await {
            Err(RebuildError::Database(error)) if attempt < SWAP_TRIES && is_timeout(&error) => {
                tracing::info!(attempt, "the tables are being read: the swap waits");
                tokio::time::sleep(SWAP_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    Ok(())
}

fn is_timeout(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "55P03")
}

/// With the head locked nothing is appended, so that nothing is missed.
async fn catch_up_and_swap(
    conn: &mut PgConnection,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    reached: i64,
    progress: &impl Fn(i64, i64),
) -> Result<(), RebuildError> {
    let mut swap = conn.begin().await?;
    sqlx::query(SWAP_WAIT).execute(&mut *swap).await?;
    let head = sqlx::query_scalar("SELECT position FROM log_head FOR UPDATE")
        .fetch_one(&mut *swap)
        .await?;
    replay(&mut swap, personal, models, SUFFIX, reached, head, progress).await?;
    for table in models::tables(models) {
        take_over(&mut swap, table).await?;
    }
    // What made the rows wrong may have made these wrong; they come back as streams are used.
    sqlx::query("DELETE FROM snapshots").execute(&mut *swap).await?;
    swap.commit().await?;
    Ok(())
}

/// Folds the log after one position, up to another, into copies of the tables.
pub(crate) async fn replay(
    conn: &mut PgConnection,
    personal: &dyn OpenPersonal,
    models: &[&'static dyn Model],
    suffix: &str,
    after: i64,
    up_to: i64,
    progress: &impl Fn(i64, i64),
) -> Result<i64, RebuildError> {
    let mut reached = after;
    while reached < up_to {
        let mut recorded = log::read(conn, reached, up_to, BATCH).await?;
        let Some(last) = recorded.last().map(|last| last.position) else {
            let expected = format!("position {}", reached + 1);
            return Err(log::LogError::Gap { expected, found: "nothing".to_owned() }.into());
        };
        personal.open(&mut recorded).await.map_err(RebuildError::Personal)?;
        for model in models {
            model.apply(conn, suffix, &recorded).await?;
        }
        reached = last;
        progress(reached, up_to);
    }
    Ok(reached)
}

/// An empty copy of a table, with its key but without the other indexes, which are made faster
/// once the rows are there.
pub(crate) async fn create(
    conn: &mut PgConnection,
    table: &Table,
    kind: &str,
    suffix: &str,
) -> Result<(), sqlx::Error> {
    let (name, copy) = (table.name, table.named(suffix));
    let sql = format!(
        "CREATE {kind} {copy} (LIKE {name} INCLUDING ALL EXCLUDING INDEXES); \
         ALTER TABLE {copy} ADD CONSTRAINT {name}_pkey{suffix} PRIMARY KEY (id)"
    );
    sqlx::raw_sql(&sql).execute(conn).await?;
    Ok(())
}

struct Index {
    name: String,
    unique: bool,
    /// What follows USING in its definition.
    method: String,
}

async fn indexes(conn: &mut PgConnection, table: &Table) -> Result<Vec<Index>, sqlx::Error> {
    let all: Vec<(String, bool, String)> = sqlx::query_as(
        "SELECT c.relname::text, i.indisunique, \
         substring(pg_get_indexdef(i.indexrelid) FROM ' USING (.*)$') \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = $1::regclass AND NOT i.indisprimary",
    )
    .bind(table.name)
    .fetch_all(conn)
    .await?;
    Ok(all.into_iter().map(|(name, unique, method)| Index { name, unique, method }).collect())
}

async fn add_indexes(conn: &mut PgConnection, table: &Table) -> Result<(), sqlx::Error> {
    let copy = table.named(SUFFIX);
    for Index { name, unique, method } in indexes(conn, table).await? {
        let unique = if unique { "UNIQUE " } else { "" };
        let sql = format!("CREATE {unique}INDEX {name}{SUFFIX} ON {copy} USING {method}");
        sqlx::raw_sql(&sql).execute(&mut *conn).await?;
    }
    // Without statistics the first queries after the swap would be planned blindly.
    sqlx::raw_sql(&format!("ANALYZE {copy}")).execute(conn).await?;
    Ok(())
}

/// Puts the copy in its table's place, with all the names that the table had.
async fn take_over(conn: &mut PgConnection, table: &Table) -> Result<(), sqlx::Error> {
    let (name, copy) = (table.name, table.named(SUFFIX));
    let names = indexes(conn, table).await?.into_iter().map(|index| index.name);
    let names = names.chain([format!("{name}_pkey")]);
    let renames = names.map(|index| format!("ALTER INDEX {index}{SUFFIX} RENAME TO {index}"));
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

async fn discard(
    conn: &mut PgConnection,
    models: &[&'static dyn Model],
) -> Result<(), sqlx::Error> {
    for table in models::tables(models) {
        let sql = format!("DROP TABLE IF EXISTS {}", table.named(SUFFIX));
        sqlx::raw_sql(&sql).execute(&mut *conn).await?;
    }
    Ok(())
}
