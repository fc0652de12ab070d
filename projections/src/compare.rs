//! Compares a read model's rows with those that the log makes, both in the order of their keys.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures::TryStreamExt;
use pool::Transaction;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::drift::{Difference, Drift, NAMED};
use crate::machine::object;
use crate::reading::{BATCH, Ended, Reading};
use crate::streams::{Sink, Source};
use crate::{Fold, RebuildError};

/// A row as it stands in the table.
struct Live<F> {
    key: Uuid,
    /// Or which column can't be read.
    row: Result<F, String>,
}

/// Takes the rows that the log makes, in order, and looks for each in the table.
pub(crate) struct Comparing<F> {
    rows: Reading<Live<F>>,
    live: VecDeque<Live<F>>,
    drift: Drift,
}

impl<F: Fold> Comparing<F> {
    /// As of the moment of the source.
    pub(crate) async fn start(source: &Source<'_>) -> Result<Self, RebuildError> {
        let tx = source.transaction().await?;
        let rows = Reading::start(|sender| read(tx, sender));
        let drift = Drift { table: F::TABLE.name, rows: 0, first: vec![] };
        Ok(Self { rows, live: VecDeque::new(), drift })
    }

    /// The table's next row, unless it comes after that key.
    async fn next_up_to(&mut self, key: Uuid) -> Result<Option<Live<F>>, RebuildError> {
        if self.live.is_empty()
            && let Some(batch) = self.rows.next().await?
        {
            self.live.extend(batch);
        }
        Ok(self.live.pop_front_if(|next| next.key <= key))
    }

    fn compare(&mut self, live: &Live<F>, folded: &F) -> Result<(), RebuildError> {
        let columns = match &live.row {
            Ok(row) if row == folded => return Ok(()),
            Ok(row) => differing(row, folded)?,
            Err(column) => vec![column.clone()],
        };
        self.note(live.key, false, false, columns);
        Ok(())
    }

    fn note(&mut self, key: Uuid, missing: bool, extra: bool, columns: Vec<String>) {
        self.drift.rows += 1;
        if self.drift.first.len() < NAMED {
            let key = key.to_string();
            self.drift.first.push(Difference { key, missing, extra, columns });
        }
    }
}

impl<F: Fold> Sink<F> for Comparing<F> {
    type Outcome = Option<Drift>;

    /// Rows of the table before it are made by nothing.
    async fn take(&mut self, folded: F) -> Result<(), RebuildError> {
        let key = folded.key();
        while let Some(live) = self.next_up_to(key).await? {
            match live.key.cmp(&key) {
                Ordering::Equal => return self.compare(&live, &folded),
                Ordering::Less | Ordering::Greater => self.note(live.key, false, true, vec![]),
            }
        }
        self.note(key, true, false, vec![]);
        Ok(())
    }

    /// What differs, if anything does.
    async fn finish(mut self) -> Result<Option<Drift>, RebuildError> {
        while let Some(live) = self.next_up_to(Uuid::max()).await? {
            self.note(live.key, false, true, vec![]);
        }
        Ok((self.drift.rows > 0).then_some(self.drift))
    }
}

fn differing<F: Fold>(live: &F, folded: &F) -> Result<Vec<String>, RebuildError> {
    let (live, folded) = (object(live)?, object(folded)?);
    let differs = |column: &&&str| live.get(**column) != folded.get(**column);
    Ok(F::TABLE.columns.iter().filter(differs).map(|column| (*column).to_owned()).collect())
}

/// Hands on the table's rows.
async fn read<F: Fold>(mut tx: Transaction<'static>, sender: mpsc::Sender<Vec<Live<F>>>) -> Ended {
    let sql = format!("SELECT {} FROM {} ORDER BY id", F::TABLE.column_list(), F::TABLE.name);
    let mut batches = sqlx::query(&sql).fetch(&mut *tx).try_chunks(BATCH);
    while let Some(rows) = batches.try_next().await.map_err(|failed| failed.1)? {
        let rows = rows.iter().map(live).collect::<Result<_, _>>()?;
        if sender.send(rows).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn live<F: Fold>(row: &PgRow) -> Result<Live<F>, sqlx::Error> {
    let read = match F::from_row(row) {
        Ok(read) => Ok(read),
        Err(sqlx::Error::ColumnDecode { index, .. }) => Err(index.replace('"', "")),
        Err(error) => return Err(error),
    };
    Ok(Live { key: row.try_get("id")?, row: read })
}
