//! Whole streams, one after another, each folded to its last row.
//!
//! Rebuilding and verifying read the log in the order of its primary key: a row is finished when its stream
//! is, so no row is read back, and what is kept in memory does not grow with the log. One task reads and decodes,
//! another folds.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::{Recorded, StreamEvent, StreamId, StreamType};
use futures::TryStreamExt;
use log::{LogError, OpenPersonal};
use pool::{PgPool, Transaction};
use sqlx::Executor;
use tokio::sync::mpsc;

use crate::reading::{BATCH, Ended, Reading};
use crate::{Fold, RebuildError};

/// Of the transactions that read or write a whole table. One whose client was killed ends with it.
const SETTINGS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL client_connection_check_interval = '1s'";
/// Reads in the order of the key from the first row on: to sort all of the log, two processes more would be
/// started, and its size be taken on disk.
const IN_ORDER: &str = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; \
    SET LOCAL max_parallel_workers_per_gather = 0";

/// Takes the rows that the log makes, in the order of their keys.
pub(crate) trait Sink<F>: Send {
    /// What comes of it.
    type Outcome;

    /// Takes a row.
    fn take(&mut self, row: F) -> impl Future<Output = Result<(), RebuildError>> + Send;

    /// Ends it.
    fn finish(self) -> impl Future<Output = Result<Self::Outcome, RebuildError>> + Send;
}

/// The log up to a position, as somebody who reads all of it needs it.
pub(crate) struct Source<'a> {
    pub(crate) pool: &'a PgPool,
    personal: &'a dyn OpenPersonal,
    up_to: i64,
    snapshot: Option<String>,
    progress: &'a (dyn Fn(i64, i64) + Send + Sync),
    done: AtomicI64,
}

impl<'a> Source<'a> {
    /// Up to a position, inclusive; `progress` is told how many events are done, and of how many.
    pub(crate) fn new(
        pool: &'a PgPool,
        personal: &'a dyn OpenPersonal,
        up_to: i64,
        progress: &'a (dyn Fn(i64, i64) + Send + Sync),
    ) -> Self {
        Self { pool, personal, up_to, snapshot: None, progress, done: AtomicI64::default() }
    }

    /// This source, with everything read as of one moment (`pg_export_snapshot`).
    pub(crate) fn at_snapshot(self, snapshot: String) -> Self {
        Self { snapshot: Some(snapshot), ..self }
    }

    /// A transaction that may take long, as of the moment that everything is read, in the order of keys.
    pub(crate) async fn transaction(&self) -> Result<Transaction<'static>, sqlx::Error> {
        let mut tx =
            self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let snapshot = self.snapshot.as_ref();
        let snapshot =
            snapshot.map_or_else(String::new, |id| format!("SET TRANSACTION SNAPSHOT '{id}'; "));
        (&mut *tx).execute(format!("{snapshot}{SETTINGS}; {IN_ORDER}").as_str()).await?;
        Ok(tx)
    }

    /// Hands on the rows that streams make, in the order of their keys, as `amend` leaves them.
    pub(crate) async fn pour<F: Fold, S: Sink<F>>(
        &self,
        mut sink: S,
        mut amend: impl FnMut(&mut F) + Send,
    ) -> Result<S::Outcome, RebuildError> {
        let (tx, up_to) = (self.transaction().await?, self.up_to);
        let mut events = Reading::start(|sender| read(tx, F::Event::STREAM, up_to, sender));
        let mut folding = Folding { stream: None, row: None };
        while let Some(mut recorded) = events.next().await? {
            self.personal.open(&mut recorded).await.map_err(RebuildError::Personal)?;
            for mut row in folding.finished(&recorded) {
                amend(&mut row);
                sink.take(row).await?;
            }
            self.tell(recorded.len());
        }
        if let Some(mut last) = folding.row {
            amend(&mut last);
            sink.take(last).await?;
        }
        sink.finish().await
    }

    fn tell(&self, events: usize) {
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        let done = self.done.fetch_add(events, Ordering::Relaxed) + events;
        (self.progress)(done, self.up_to);
    }
}

/// A transaction that may take long.
pub(crate) async fn unhurried(
    pool: &PgPool,
    begin: &'static str,
) -> Result<Transaction<'static>, sqlx::Error> {
    let mut tx = pool.begin_with(begin).await?;
    (&mut *tx).execute(SETTINGS).await?;
    Ok(tx)
}

/// The row that is being folded.
struct Folding<F> {
    stream: Option<StreamId>,
    row: Option<F>,
}

impl<F: Fold> Folding<F> {
    /// The rows whose streams end within these events, which go on where the last ones ended.
    fn finished(&mut self, recorded: &[Recorded]) -> Vec<F> {
        let mut finished = vec![];
        for event in recorded {
            if self.stream.replace(event.stream) != Some(event.stream) {
                finished.extend(self.row.take());
            }
            self.row = F::follow(self.row.take(), event);
        }
        finished
    }
}

/// Hands on the events of all streams of a kind.
async fn read(
    mut tx: Transaction<'static>,
    kind: StreamType,
    up_to: i64,
    sender: mpsc::Sender<Vec<Recorded>>,
) -> Ended {
    let sql = log::by_stream();
    let mut rows = sqlx::query(&sql).bind(kind.as_str()).bind(up_to).fetch(&mut *tx);
    let (mut batch, mut last) = (Vec::with_capacity(BATCH), None);
    while let Some(row) = rows.try_next().await.map_err(LogError::from)? {
        let recorded = log::decode(&row)?;
        last = Some(log::follows_in_stream(last, &recorded)?);
        batch.push(recorded);
        if batch.len() == BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender.send(full).await.is_err() {
                return Ok(());
            }
        }
    }
    // A folder that has failed takes no more.
    let _gone = sender.send(batch).await;
    Ok(())
}
