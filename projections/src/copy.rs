//! Writes rows of a read model by COPY, which is PostgreSQL's fastest way in.
//!
//! Values are written as `json_populate_recordset` would read them from the row's JSON form, so that this and
//! the upserts of an append write the same.

use std::collections::VecDeque;

use pool::{PgConnection, PgPool};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::machine::{Table, object};
use crate::reading::{AHEAD, BATCH, Ended, ended};
use crate::streams::{Sink, unhurried};
use crate::{Fold, ProjectionError, RebuildError};

/// Tasks that write, each on a connection of its own: PostgreSQL takes longer to write than to read, most of it for
/// the words of searches.
const WRITERS: usize = 2;

/// Takes rows, which other tasks write.
pub(crate) struct Copying<F> {
    rows: Vec<F>,
    writers: VecDeque<Writer<F>>,
}

struct Writer<F> {
    sender: mpsc::Sender<Vec<F>>,
    written: JoinHandle<Ended>,
}

impl<F: Fold> Copying<F> {
    /// Into the copy of the table with that suffix.
    pub(crate) fn start(pool: &PgPool, suffix: &'static str) -> Self {
        let writer = |_| {
            let (sender, receiver) = mpsc::channel(AHEAD);
            Writer { sender, written: tokio::spawn(write(pool.clone(), suffix, receiver)) }
        };
        Self { rows: vec![], writers: (0..WRITERS).map(writer).collect() }
    }

    /// To one after the other.
    async fn hand_on(&mut self) -> Result<(), RebuildError> {
        let rows = std::mem::take(&mut self.rows);
        let Some(next) = self.writers.front() else { return Ok(()) };
        if next.sender.send(rows).await.is_ok() {
            self.writers.rotate_left(1);
            return Ok(());
        }
        // The writer has ended, and knows why.
        match self.writers.pop_front() {
            Some(ended) => ended.finish().await,
            None => Ok(()),
        }
    }
}

impl<F> Writer<F> {
    async fn finish(self) -> Result<(), RebuildError> {
        drop(self.sender);
        ended(self.written).await
    }
}

impl<F: Fold> Sink<F> for Copying<F> {
    type Outcome = ();

    /// Rows are written sooner or later; an error may be one of earlier rows.
    async fn take(&mut self, row: F) -> Result<(), RebuildError> {
        self.rows.push(row);
        if self.rows.len() == BATCH {
            self.hand_on().await?;
        }
        Ok(())
    }

    /// Waits until all rows are there.
    async fn finish(mut self) -> Result<(), RebuildError> {
        self.hand_on().await?;
        for writer in self.writers {
            writer.finish().await?;
        }
        Ok(())
    }
}

async fn write<F: Fold>(
    pool: PgPool,
    suffix: &'static str,
    mut rows: mpsc::Receiver<Vec<F>>,
) -> Result<(), RebuildError> {
    let mut tx = unhurried(&pool, "BEGIN").await?;
    let columns = columns(&mut tx, &F::TABLE).await?;
    let (name, list) = (F::TABLE.named(suffix), F::TABLE.column_list());
    let mut copy = tx.copy_in(&format!("COPY {name} ({list}) FROM STDIN")).await?;
    while let Some(rows) = rows.recv().await {
        copy.send(lines(&columns, &rows)?).await?;
    }
    copy.finish().await?;
    tx.commit().await?;
    Ok(())
}

struct Column {
    name: &'static str,
    is_array: bool,
}

/// What the fold writes; the type decides what a JSON array means.
async fn columns(conn: &mut PgConnection, table: &Table) -> Result<Vec<Column>, sqlx::Error> {
    let arrays: Vec<String> = sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = $1::regclass AND t.typcategory = 'A'",
    )
    .bind(table.name)
    .fetch_all(conn)
    .await?;
    let is_array = |name: &str| arrays.iter().any(|array| array == name);
    let column = |name: &&'static str| Column { name, is_array: is_array(name) };
    Ok(table.columns.iter().map(column).collect())
}

/// Rows in COPY's text format.
fn lines<F: Fold>(columns: &[Column], rows: &[F]) -> Result<Vec<u8>, ProjectionError> {
    let mut text = String::with_capacity(rows.len() * 512);
    for row in rows {
        push_line(&mut text, columns, &object(row)?);
    }
    Ok(text.into_bytes())
}

fn push_line(text: &mut String, columns: &[Column], row: &Map<String, Value>) {
    for (number, column) in columns.iter().enumerate() {
        if number > 0 {
            text.push('\t');
        }
        match row.get(column.name) {
            None | Some(Value::Null) => text.push_str("\\N"),
            Some(Value::String(value)) => push_escaped(text, value),
            Some(Value::Array(elements)) if column.is_array => {
                push_escaped(text, &array(elements));
            }
            Some(value) => push_escaped(text, &value.to_string()),
        }
    }
    text.push('\n');
}

/// What would end a value or a row is escaped (PostgreSQL's documentation of COPY, "Text Format").
fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
}

/// An array as PostgreSQL reads it: each element in quotes.
fn array(elements: &[Value]) -> String {
    let element = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    };
    format!("{{{}}}", elements.iter().map(element).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(row: &Value) -> String {
        let columns = [("a", false), ("b", false), ("c", true)];
        let columns = columns.map(|(name, is_array)| Column { name, is_array });
        let mut text = String::new();
        push_line(&mut text, &columns, row.as_object().unwrap());
        text
    }

    #[test]
    fn what_would_end_a_value_or_a_row_is_escaped() {
        assert_eq!(
            line(&json!({ "a": "1\t2\n3\r\\N", "b": null })),
            "1\\t2\\n3\\r\\\\N\t\\N\t\\N\n"
        );
        assert_eq!(line(&json!({ "a": true, "b": 12, "c": [] })), "true\t12\t{}\n");
    }

    #[test]
    fn a_json_array_is_json_or_an_array_as_its_column_is() {
        let both = json!({ "a": "", "b": [{ "n": "x\"y\n" }], "c": ["x\"\\y", null, 3] });

        assert_eq!(
            line(&both),
            "\t[{\"n\":\"x\\\\\"y\\\\n\"}]\t{\"x\\\\\"\\\\\\\\y\",NULL,\"3\"}\n"
        );
    }
}
