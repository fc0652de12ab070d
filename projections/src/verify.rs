//! Folds the log once more and compares with what serves.

use pool::{PgConnection, PgPool};
use sqlx::FromRow;

use crate::machine::Table;
use crate::models::{MODELS, tables};
use crate::rebuild::{create, replay};
use crate::{OpenPersonal, RebuildError, log, snapshot};

/// What the folded tables are called; they go with the transaction.
const SUFFIX: &str = "_verified";
/// Rows of a table that are named one by one.
const NAMED: i64 = 20;

/// A table that is not what its fold makes of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Which table.
    pub table: &'static str,
    /// Rows that differ.
    pub rows: i64,
    /// The first of them, by key.
    pub first: Vec<Difference>,
}

/// A row that is not what its fold makes of the log.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Difference {
    /// Which row.
    pub key: String,
    /// The log has made the row, and it is gone.
    pub missing: bool,
    /// Nothing in the log has made the row.
    pub extra: bool,
    /// Where both are: the columns that differ.
    pub columns: Vec<String>,
}

/// Folds everything again and compares, all as of one moment. Empty where nothing differs.
pub async fn verify(
    pool: &PgPool,
    personal: &dyn OpenPersonal,
    progress: impl Fn(i64, i64),
) -> Result<Vec<Drift>, RebuildError> {
    let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    sqlx::raw_sql(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    )
    .execute(&mut *tx)
    .await?;
    let head = log::head(&mut tx).await?;
    for table in tables(&MODELS) {
        create(&mut tx, table, "TEMP TABLE", SUFFIX).await?;
    }
    replay(&mut tx, personal, &MODELS, SUFFIX, 0, head, &progress).await?;
    let mut drifts = vec![];
    for table in tables(&MODELS) {
        drifts.extend(compare(&mut tx, table).await?);
    }
    drifts.extend(snapshot::verify(&mut tx, NAMED).await?);
    tx.rollback().await?;
    Ok(drifts)
}

async fn compare(conn: &mut PgConnection, table: &Table) -> Result<Option<Drift>, sqlx::Error> {
    #[derive(FromRow)]
    struct Found {
        rows: i64,
        #[sqlx(flatten)]
        difference: Difference,
    }
    let found: Vec<Found> = sqlx::query_as(&comparison(table)).bind(NAMED).fetch_all(conn).await?;
    let rows = found.first().map(|found| found.rows);
    let first = found.into_iter().map(|found| found.difference).collect();
    Ok(rows.map(|rows| Drift { table: table.name, rows, first }))
}

fn comparison(table: &Table) -> String {
    let (name, copy) = (table.name, table.named(SUFFIX));
    let columns = table.column_list();
    let differs = table.columns.iter().map(|column| {
        format!("CASE WHEN live.{column} IS DISTINCT FROM folded.{column} THEN '{column}' END")
    });
    let differs = differs.collect::<Vec<_>>().join(", ");
    format!(
        "WITH live AS (SELECT {columns} FROM {name} EXCEPT SELECT {columns} FROM {copy}), \
         folded AS (SELECT {columns} FROM {copy} EXCEPT SELECT {columns} FROM {name}) \
         SELECT id::text AS key, live.id IS NULL AS missing, \
         folded.id IS NULL AS extra, \
         CASE WHEN live.id IS NULL OR folded.id IS NULL THEN ARRAY[]::text[] \
         ELSE array_remove(ARRAY[{differs}], NULL) END AS columns, count(*) OVER () AS rows \
         FROM live FULL JOIN folded USING (id) ORDER BY id LIMIT $1"
    )
}
