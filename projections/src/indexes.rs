//! The indexes of a read model's table, and those of its copy.

use futures::stream::{self, StreamExt, TryStreamExt};
use pool::{PgConnection, PgPool};
use sqlx::Executor;

use crate::machine::Table;
use crate::streams::unhurried;

/// Indexes that are built at a time.
const AT_ONCE: usize = 3;
/// What each may take of the server's memory.
const MEMORY: &str = "SET LOCAL maintenance_work_mem = '128MB'";

struct Index {
    name: String,
    unique: bool,
    /// What follows USING in its definition.
    method: String,
}

/// All but the key's.
async fn of(conn: &mut PgConnection, table: &Table) -> Result<Vec<Index>, sqlx::Error> {
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

/// The names of all indexes of a table.
pub(crate) async fn names(
    conn: &mut PgConnection,
    table: &Table,
) -> Result<Vec<String>, sqlx::Error> {
    let names = of(conn, table).await?.into_iter().map(|index| index.name);
    Ok(names.chain([key(table)]).collect())
}

fn key(table: &Table) -> String {
    format!("{}_pkey", table.name)
}

/// Gives the full copies of tables the indexes of the tables, several at a time, and the statistics without
/// which the first queries would be planned blindly.
pub(crate) async fn build(
    pool: &PgPool,
    tables: &[&Table],
    suffix: &str,
) -> Result<(), sqlx::Error> {
    let mut statements = vec![];
    for table in tables {
        statements.extend(statements_of(pool, table, suffix).await?);
    }
    let building = statements.into_iter().map(|sql| build_one(pool, sql));
    stream::iter(building).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    for table in tables {
        let (copy, key) = (table.named(suffix), key(table));
        let sql = format!(
            "ALTER TABLE {copy} ADD CONSTRAINT {key}{suffix} PRIMARY KEY USING INDEX {key}{suffix}; \
             ANALYZE {copy}"
        );
        build_one(pool, sql).await?;
    }
    Ok(())
}

/// Those that take longest first.
async fn statements_of(
    pool: &PgPool,
    table: &Table,
    suffix: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let mut indexes = of(&mut *pool.acquire().await?, table).await?;
    indexes.push(Index { name: key(table), unique: true, method: "btree (id)".to_owned() });
    indexes.sort_by_key(|index| !index.method.starts_with("gin"));
    let copy = table.named(suffix);
    let statement = |Index { name, unique, method }| {
        let unique = if unique { "UNIQUE " } else { "" };
        format!("CREATE {unique}INDEX {name}{suffix} ON {copy} USING {method}")
    };
    Ok(indexes.into_iter().map(statement).collect())
}

async fn build_one(pool: &PgPool, sql: String) -> Result<(), sqlx::Error> {
    let mut tx = unhurried(pool, "BEGIN").await?;
    (&mut *tx).execute(format!("{MEMORY}; {sql}").as_str()).await?;
    tx.commit().await
}
