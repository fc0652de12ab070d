//! The process's way to write: at once where nobody else does, in turn otherwise.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Recorded;
use log::InlineProjections;
use pool::PgConnection;
use time::OffsetDateTime;
use tracing::Instrument;

use super::append::Append;
use super::connections::Connections;
use super::transaction::{self, Committed, Failure, Head, Transaction};
use super::write;

/// How long the database's clock is followed without looking at it.
const CLOCK_TRUSTED: Duration = Duration::from_secs(30);

/// How long a batch is tried while somebody else holds what it needs.
const LOCKED_FOR: Duration = Duration::from_secs(15);

/// Writes batches, one after another.
pub(super) struct Writer {
    connections: Connections,
    read_models: Arc<dyn InlineProjections>,
    /// The head as this process left it.
    left: Option<(Head, Instant)>,
    /// Whether nobody else wrote between the last two batches.
    alone: bool,
}

impl Writer {
    pub(super) fn new(connections: Connections, read_models: Arc<dyn InlineProjections>) -> Self {
        Self { connections, read_models, left: None, alone: false }
    }

    /// Commits a batch.
    pub(super) async fn commit(&mut self, appends: &[&Append]) -> Result<Committed, Failure> {
        let mut conn = self.connections.take().await?;
        let began = Instant::now();
        let mut tried = self.try_at_once(&mut conn, appends).await;
        let committed = loop {
            match tried {
                Ok(Some(committed)) => break Ok(committed),
                Ok(None) => {}
                Err(failure) if failure.gave_way() && began.elapsed() < LOCKED_FOR => {
                    self.read_models.forget();
                }
                Err(failure) => break Err(failure),
            }
            tried = self.in_turn(&mut conn, appends).await.map(Some);
        };
        match &committed {
            Ok(_) => self.connections.keep(conn),
            Err(_) => self.read_models.forget(),
        }
        committed
    }

    /// In one round trip, on the guess that the log still ends where this process left it: what is
    /// remembered of rows holds then. `None` where that was not so.
    async fn try_at_once(
        &mut self,
        conn: &mut PgConnection,
        appends: &[&Append],
    ) -> Result<Option<Committed>, Failure> {
        let Some((head, looked_at)) = self.left.filter(|_| self.alone) else { return Ok(None) };
        if looked_at.elapsed() > CLOCK_TRUSTED || !appends.iter().all(|append| append.is_plain()) {
            return Ok(None);
        }
        let at = head.at.max(micros(head.now + looked_at.elapsed()));
        let recorded = transaction::record(appends, head.position, at);
        let before = transaction::rows(appends);
        let folding = self.read_models.fold(conn, &recorded, &before);
        let mut folded =
            folding.instrument(tracing::debug_span!("fold")).await.map_err(Failure::Projection)?;
        match write::write(conn, appends, &recorded, &folded.writes).await {
            Ok(true) => {}
            Ok(false) => return Ok(self.was_wrong()),
            Err(sqlx::Error::Database(error)) if transaction::lost_race(&*error) => {
                return Ok(self.was_wrong());
            }
            Err(error) => return Err(error.into()),
        }
        let mut verdicts: Vec<_> = appends.iter().map(|append| Ok(append.done())).collect();
        transaction::show(appends, &mut verdicts, &mut folded);
        self.leave(&recorded, (head, looked_at));
        Ok(Some(Committed { verdicts, recorded }))
    }

    fn was_wrong(&mut self) -> Option<Committed> {
        self.alone = false;
        self.read_models.forget();
        None
    }

    /// In a transaction that waits for the head.
    async fn in_turn(
        &mut self,
        conn: &mut PgConnection,
        appends: &[&Append],
    ) -> Result<Committed, Failure> {
        let transaction = Transaction::begin(conn).await?;
        let head = transaction.head;
        self.alone = self.left.is_some_and(|(left, _)| left.position == head.position);
        if !self.alone {
            self.read_models.forget();
        }
        let looked_at = Instant::now();
        let committed = transaction.commit(&*self.read_models, appends).await?;
        self.leave(&committed.recorded, (head, looked_at));
        Ok(committed)
    }

    fn leave(&mut self, recorded: &[Recorded], (mut head, looked_at): (Head, Instant)) {
        if let Some(last) = recorded.last() {
            (head.position, head.at) = (last.position, last.at);
        }
        self.left = Some((head, looked_at));
    }
}

/// As exact as the database keeps it.
fn micros(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_microsecond(time.microsecond()).unwrap_or(time)
}
