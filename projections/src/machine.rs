//! What runs the folds: loads the rows that a batch touches, folds in memory, and says what is to
//! be written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{Recorded, StreamEvent};
use log::Write;
use moka::sync::Cache;
use pool::PgConnection;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::ProjectionError;

/// A table of rows that events are folded into.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Of the fold; a new number means rebuild.
    pub version: i32,
    /// What the fold writes, the key `id` among it.
    pub columns: &'static [&'static str],
}

/// A row that events change: `fold` says how.
pub trait Fold:
    Sized + Clone + PartialEq + Serialize + for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin + 'static
{
    /// The events that make the rows: those of each stream the one that has its id.
    type Event: StreamEvent;
    /// Where the rows are.
    const TABLE: Table;

    /// The row after an event, which `recorded` holds. Pure; `None` means that there is no such row.
    fn fold(row: Option<Self>, event: &Self::Event, recorded: &Recorded) -> Option<Self>;

    /// The row after any event: events of other kinds of streams leave it.
    fn follow(row: Option<Self>, recorded: &Recorded) -> Option<Self> {
        match Self::Event::of(&recorded.event) {
            Some(event) => Self::fold(row, event, recorded),
            None => row,
        }
    }

    /// What names the row.
    fn key(&self) -> Uuid;
}

/// Rows with an owner, whose timelines their owner may see.
pub trait Owned: Fold {
    /// The column that names the owner.
    const OWNER: &'static str;
}

/// Rows of a table as they are stored: true for as long as nobody else writes there.
pub(crate) struct Kept<F>(Cache<Uuid, Arc<F>>);

impl Table {
    /// A table whose key is `id`.
    pub const fn new(name: &'static str, version: i32, columns: &'static [&'static str]) -> Self {
        Self { name, version, columns }
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

    fn upsert(&self, suffix: &str) -> String {
        let (name, columns) = (self.named(suffix), self.column_list());
        let others = self.columns.iter().filter(|column| **column != "id");
        let sets: Vec<_> = others.map(|column| format!("{column} = EXCLUDED.{column}")).collect();
        format!(
            "INSERT INTO {name} ({columns}) \
             SELECT {columns} FROM json_populate_recordset(NULL::{name}, $1::json) \
             ON CONFLICT (id) DO UPDATE SET {}",
            sets.join(", ")
        )
    }

    fn update(&self, suffix: &str, columns: &[&str]) -> String {
        let name = self.named(suffix);
        let sets: Vec<_> =
            columns.iter().map(|column| format!("{column} = new.{column}")).collect();
        format!(
            "UPDATE {name} AS old SET {} \
             FROM json_populate_recordset(NULL::{name}, $1::json) AS new WHERE old.id = new.id",
            sets.join(", ")
        )
    }

    fn delete(&self, suffix: &str) -> String {
        let name = self.named(suffix);
        format!(
            "DELETE FROM {name} WHERE id IN \
             (SELECT id FROM json_populate_recordset(NULL::{name}, $1::json))"
        )
    }

    pub(crate) fn failed(&self) -> impl Fn(sqlx::Error) -> ProjectionError + use<> {
        let table = self.name;
        move |source| ProjectionError::Database { table, source }
    }
}

impl<F: Fold> Kept<F> {
    /// No more than that many.
    pub(crate) fn new(rows: u64) -> Self {
        Self(Cache::new(rows))
    }

    pub(crate) fn get(&self, key: Uuid) -> Option<Arc<F>> {
        self.0.get(&key)
    }

    /// They will be as the batch leaves them.
    pub(crate) fn note(&self, changes: &[Change<F>]) {
        for change in changes {
            match &change.after {
                Some(after) => self.0.insert(change.key, Arc::clone(after)),
                None => self.0.invalidate(&change.key),
            }
        }
    }

    pub(crate) fn forget(&self) {
        self.0.invalidate_all();
    }
}

/// A row before and after a batch.
pub(crate) struct Change<F> {
    pub(crate) key: Uuid,
    /// The row as it was.
    pub(crate) before: Option<Arc<F>>,
    /// The row that is to be written.
    pub(crate) after: Option<Arc<F>>,
}

/// A row that a batch touches.
struct Touched<F> {
    key: Uuid,
    before: Option<Arc<F>>,
    /// As the events so far have made it.
    now: Option<F>,
}

/// The rows that a batch touches, in the order in which it first touches them.
struct Batch<F> {
    places: HashMap<Uuid, usize>,
    rows: Vec<Touched<F>>,
}

impl<F: Fold> Batch<F> {
    /// Loads the rows that are not known already; of the keys those are new whose streams begin.
    async fn load(
        conn: &mut PgConnection,
        suffix: &str,
        keys: impl Iterator<Item = (Uuid, bool)>,
        known: impl Fn(Uuid) -> Option<Arc<F>>,
    ) -> Result<Self, ProjectionError> {
        let mut batch = Self { places: HashMap::new(), rows: vec![] };
        let mut missing = vec![];
        for (key, is_new) in keys {
            batch.places.entry(key).or_insert_with(|| {
                let before = if is_new { None } else { known(key) };
                if before.is_none() && !is_new {
                    missing.push(key);
                }
                batch.rows.push(Touched { key, before, now: None });
                batch.rows.len() - 1
            });
        }
        for stored in load::<F>(conn, suffix, missing).await? {
            if let Some(row) = batch.row(stored.key()) {
                row.before = Some(Arc::new(stored));
            }
        }
        for row in &mut batch.rows {
            row.now = row.before.as_deref().cloned();
        }
        Ok(batch)
    }

    fn row(&mut self, key: Uuid) -> Option<&mut Touched<F>> {
        self.rows.get_mut(*self.places.get(&key)?)
    }
}

/// Those of these rows that are stored.
pub(crate) async fn load<F: Fold>(
    conn: &mut PgConnection,
    suffix: &str,
    keys: Vec<Uuid>,
) -> Result<Vec<F>, ProjectionError> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let sql = F::TABLE.select(suffix);
    sqlx::query_as(&sql).bind(keys).fetch_all(conn).await.map_err(F::TABLE.failed())
}

/// Those of these rows that there are, by key.
pub(crate) async fn find<F: Fold>(
    conn: &mut PgConnection,
    kept: &Kept<F>,
    keys: HashSet<Uuid>,
) -> Result<HashMap<Uuid, Arc<F>>, ProjectionError> {
    let known = keys.iter().filter_map(|key| Some((*key, kept.get(*key)?)));
    let mut rows: HashMap<_, _> = known.collect();
    let missing = keys.into_iter().filter(|key| !rows.contains_key(key)).collect();
    for row in load::<F>(conn, "", missing).await? {
        let row = Arc::new(row);
        kept.0.insert(row.key(), Arc::clone(&row));
        rows.insert(row.key(), row);
    }
    Ok(rows)
}

/// Folds a batch into the rows of the table, or of its copy with that suffix, those that are known
/// or else those that are stored. Nothing is written.
pub(crate) async fn fold<F: Fold>(
    conn: &mut PgConnection,
    suffix: &str,
    recorded: &[Recorded],
    known: impl Fn(Uuid) -> Option<Arc<F>>,
) -> Result<Vec<Change<F>>, ProjectionError> {
    fold_and_amend(conn, suffix, recorded, known, &[], |_| {}).await
}

/// Folds events into rows, and amends the rows of these keys afterwards.
pub(crate) async fn fold_and_amend<F: Fold>(
    conn: &mut PgConnection,
    suffix: &str,
    recorded: &[Recorded],
    known: impl Fn(Uuid) -> Option<Arc<F>>,
    amended: &[Uuid],
    amend: impl Fn(&mut F),
) -> Result<Vec<Change<F>>, ProjectionError> {
    let steps: Vec<_> =
        recorded.iter().filter(|event| event.stream.kind == F::Event::STREAM).collect();
    let of_events = steps.iter().map(|event| (event.stream.id, event.sequence == 1));
    let keys = of_events.chain(amended.iter().map(|key| (*key, false)));
    let mut batch = Batch::<F>::load(conn, suffix, keys, known).await?;
    for event in steps {
        if let Some(row) = batch.row(event.stream.id) {
            row.now = F::follow(row.now.take(), event);
        }
    }
    for key in amended {
        if let Some(now) = batch.row(*key).and_then(|row| row.now.as_mut()) {
            amend(now);
        }
    }
    let change = |Touched { key, before, now }| Change { key, before, after: now.map(Arc::new) };
    Ok(batch.rows.into_iter().map(change).collect())
}

/// The row that events of one stream make of the one before them; from the first event on there is none.
pub(crate) fn row<F: Fold>(before: Option<F>, part: &[Recorded]) -> Option<F> {
    part.iter().fold(before, F::follow)
}

/// What brings the table, or its copy with that suffix, to where the fold has come: of rows that
/// there are only the columns that changed, since indexes on the others need not be touched then.
pub(crate) fn writes<F: Fold>(
    suffix: &str,
    changes: &[Change<F>],
) -> Result<Vec<Write>, ProjectionError> {
    let (mut made, mut gone) = (vec![], vec![]);
    let (mut edited, mut columns) = (vec![], vec![]);
    for change in changes {
        match (&change.before, &change.after) {
            (None, Some(after)) => made.push(object(&**after)?),
            (Some(_), None) => gone.push(Map::from_iter([("id".to_owned(), json!(change.key))])),
            (Some(before), Some(after)) if before != after => {
                let (before, after) = (object(&**before)?, object(&**after)?);
                columns.extend(
                    F::TABLE
                        .columns
                        .iter()
                        .copied()
                        .filter(|column| before.get(*column) != after.get(*column)),
                );
                edited.push(after);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    columns.sort_unstable();
    columns.dedup();
    for row in &mut edited {
        row.retain(|name, _| name == "id" || columns.contains(&name.as_str()));
    }
    let mut writes = vec![];
    let mut write = |sql: &dyn Fn() -> String, rows: &[Map<String, Value>]| {
        if !rows.is_empty() {
            writes.push(Write { sql: sql(), rows: text::<F, _>(rows)? });
        }
        Ok(())
    };
    write(&|| F::TABLE.upsert(suffix), &made)?;
    write(&|| F::TABLE.update(suffix, &columns), &edited)?;
    write(&|| F::TABLE.delete(suffix), &gone)?;
    Ok(writes)
}

/// A row by its columns.
pub(crate) fn object<F: Fold>(row: &F) -> Result<Map<String, Value>, ProjectionError> {
    match serde_json::to_value(row) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Map::new()),
        Err(source) => Err(ProjectionError::Json { table: F::TABLE.name, source }),
    }
}

fn text<F: Fold, R: Serialize>(rows: &[R]) -> Result<String, ProjectionError> {
    serde_json::to_string(rows)
        .map_err(|source| ProjectionError::Json { table: F::TABLE.name, source })
}

/// Writes what a fold has made.
pub(crate) async fn write<F: Fold>(
    conn: &mut PgConnection,
    suffix: &str,
    changes: &[Change<F>],
) -> Result<(), ProjectionError> {
    for write in writes(suffix, changes)? {
        let query = sqlx::query(&write.sql).bind(write.rows);
        query.execute(&mut *conn).await.map_err(F::TABLE.failed())?;
    }
    Ok(())
}
