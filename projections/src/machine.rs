//! What runs the folds: loads the rows that a batch touches, folds in memory, writes once.

use std::collections::HashMap;

use domain::Recorded;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::ProjectionError;

/// A table of rows that events are folded into.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Of the fold; a new number means rebuild.
    pub version: i32,
    /// What the fold writes.
    pub columns: &'static [&'static str],
    /// What names a row.
    pub key: &'static [&'static str],
}

/// A row that events change: `fold` says how.
pub trait Fold:
    Sized + Clone + PartialEq + Serialize + for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin + 'static
{
    /// Where the rows are.
    const TABLE: Table;

    /// The rows that an event touches.
    fn keys(recorded: &Recorded) -> Vec<Uuid>;

    /// The row after the event. Pure; `None` means that there is no such row.
    fn fold(row: Option<Self>, key: Uuid, recorded: &Recorded) -> Option<Self>;

    /// What names the row.
    fn key(&self) -> Uuid;
}

/// A row that one event makes, and that nothing changes after.
pub trait Entry: Sized + Serialize + Send + Sync + 'static {
    /// Where the rows are.
    const TABLE: Table;

    /// The row that the event makes, if it does.
    fn entry(recorded: &Recorded) -> Option<Self>;

    /// The person about whom the rows so far may say nothing more from that event on.
    fn erased(recorded: &Recorded) -> Option<Uuid>;

    /// Takes out of `table` what the rows say about the person `$1`.
    fn purge(table: &str) -> String;
}

impl Table {
    /// A table whose key is `id`.
    pub const fn new(name: &'static str, version: i32, columns: &'static [&'static str]) -> Self {
        Self { name, version, columns, key: &["id"] }
    }

    /// The same with another key.
    #[must_use]
    pub const fn keyed(mut self, key: &'static [&'static str]) -> Self {
        self.key = key;
        self
    }

    /// A copy of the table goes by the same name and a suffix; the table itself has none.
    pub(crate) fn named(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    pub(crate) fn column_list(&self) -> String {
        self.columns.join(", ")
    }

    fn select(&self, suffix: &str) -> String {
        format!("SELECT {} FROM {} WHERE id = ANY($1)", self.column_list(), self.named(suffix))
    }

    fn insert(&self, suffix: &str) -> String {
        let (name, columns) = (self.named(suffix), self.column_list());
        format!(
            "INSERT INTO {name} ({columns}) \
             SELECT {columns} FROM json_populate_recordset(NULL::{name}, $1::json)"
        )
    }

    fn upsert(&self, suffix: &str) -> String {
        let mut sql = self.insert(suffix);
        sql.push_str(" ON CONFLICT (id) DO UPDATE SET ");
        let others = self.columns.iter().filter(|column| !self.key.contains(column));
        let sets: Vec<_> = others.map(|column| format!("{column} = EXCLUDED.{column}")).collect();
        sql.push_str(&sets.join(", "));
        sql
    }

    fn delete(&self, suffix: &str) -> String {
        format!("DELETE FROM {} WHERE id = ANY($1)", self.named(suffix))
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> ProjectionError + use<> {
        let table = self.name;
        move |source| ProjectionError::Database { table, source }
    }
}

/// The rows that a batch touches, in the order in which it first touches them.
struct Touched<F> {
    places: HashMap<Uuid, usize>,
    rows: Vec<Slot<F>>,
}

struct Slot<F> {
    key: Uuid,
    /// Whether the stream begins in this batch: there is nothing to load.
    new: bool,
    stored: bool,
    row: Option<F>,
}

impl<F: Fold> Touched<F> {
    fn by(steps: &[(Uuid, &Recorded)]) -> Self {
        let mut touched = Self { places: HashMap::with_capacity(steps.len()), rows: vec![] };
        for (key, recorded) in steps {
            touched.places.entry(*key).or_insert_with(|| {
                let new = recorded.sequence == 1 && recorded.stream.id == *key;
                touched.rows.push(Slot { key: *key, new, stored: false, row: None });
                touched.rows.len() - 1
            });
        }
        touched
    }

    fn slot(&mut self, key: Uuid) -> Option<&mut Slot<F>> {
        self.rows.get_mut(*self.places.get(&key)?)
    }

    async fn load(&mut self, conn: &mut PgConnection, suffix: &str) -> Result<(), sqlx::Error> {
        let keys: Vec<_> = self.rows.iter().filter(|slot| !slot.new).map(|slot| slot.key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let sql = F::TABLE.select(suffix);
        for row in sqlx::query_as::<_, F>(&sql).bind(keys).fetch_all(conn).await? {
            if let Some(slot) = self.slot(row.key()) {
                slot.stored = true;
                slot.row = Some(row);
            }
        }
        Ok(())
    }
}

/// Folds a batch into the table, or into its copy with that suffix.
pub(crate) async fn fold<F: Fold>(
    conn: &mut PgConnection,
    suffix: &str,
    recorded: &[Recorded],
) -> Result<(), ProjectionError> {
    let steps: Vec<_> = recorded
        .iter()
        .flat_map(|recorded| F::keys(recorded).into_iter().map(move |key| (key, recorded)))
        .collect();
    if steps.is_empty() {
        return Ok(());
    }
    let mut touched = Touched::<F>::by(&steps);
    touched.load(conn, suffix).await.map_err(F::TABLE.failed())?;
    for (key, recorded) in steps {
        if let Some(slot) = touched.slot(key) {
            slot.row = F::fold(slot.row.take(), key, recorded);
        }
    }
    let rows: Vec<_> = touched.rows.iter().filter_map(|slot| slot.row.as_ref()).collect();
    write(conn, &F::TABLE, F::TABLE.upsert(suffix), &rows).await?;
    let gone = touched.rows.iter().filter(|slot| slot.stored && slot.row.is_none());
    let gone: Vec<_> = gone.map(|slot| slot.key).collect();
    if !gone.is_empty() {
        let sql = F::TABLE.delete(suffix);
        sqlx::query(&sql).bind(gone).execute(conn).await.map_err(F::TABLE.failed())?;
    }
    Ok(())
}

/// Appends the rows that a batch makes to the table, or to its copy with that suffix.
pub(crate) async fn append<E: Entry>(
    conn: &mut PgConnection,
    suffix: &str,
    recorded: &[Recorded],
) -> Result<(), ProjectionError> {
    let mut rows = vec![];
    for recorded in recorded {
        rows.extend(E::entry(recorded));
        if let Some(person) = E::erased(recorded) {
            write(conn, &E::TABLE, E::TABLE.insert(suffix), &rows).await?;
            rows.clear();
            let sql = E::purge(&E::TABLE.named(suffix));
            sqlx::query(&sql).bind(person).execute(&mut *conn).await.map_err(E::TABLE.failed())?;
        }
    }
    write(conn, &E::TABLE, E::TABLE.insert(suffix), &rows).await
}

/// Sent as text: as `jsonb`, which the driver prefers, the server would take it apart twice.
async fn write<R: Serialize>(
    conn: &mut PgConnection,
    table: &Table,
    sql: String,
    rows: &[R],
) -> Result<(), ProjectionError> {
    if rows.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(rows)
        .map_err(|source| ProjectionError::Json { table: table.name, source })?;
    sqlx::query(&sql).bind(json).execute(conn).await.map_err(table.failed())?;
    Ok(())
}
