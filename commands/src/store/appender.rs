//! Group commit: one transaction for all the commands that wait.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use domain::StreamId;
use identity::{Revocations, journal};
use tokio::sync::{mpsc, oneshot, watch};

use super::append::Append;
use super::transaction::{Committed, Failure, Verdict};
use super::writer::Writer;

/// Commands in one transaction at most: enough to share one flush, few enough to answer soon.
const BATCH: usize = 256;
/// How often a batch that the database rolled back is carried out again.
const AGAIN: u32 = 3;

pub(super) struct Waiting {
    pub append: Append,
    pub reply: oneshot::Sender<Verdict>,
}

pub(super) struct Appender {
    writer: Writer,
    revocations: Arc<Revocations>,
    newest: watch::Sender<i64>,
}

impl Appender {
    pub(super) const fn new(
        writer: Writer,
        revocations: Arc<Revocations>,
        newest: watch::Sender<i64>,
    ) -> Self {
        Self { writer, revocations, newest }
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut backlog = VecDeque::new();
        let mut received = Vec::with_capacity(BATCH);
        loop {
            if backlog.is_empty() && queue.recv_many(&mut received, BATCH).await == 0 {
                return;
            }
            backlog.extend(received.drain(..));
            while backlog.len() < BATCH
                && let Ok(waiting) = queue.try_recv()
            {
                backlog.push_back(waiting);
            }
            let batch = compatible(&mut backlog);
            metrics::histogram!("vetted_append_batch_commands").record(f64_of(batch.len()));
            self.commit(batch).await;
        }
    }

    /// Commits a batch. Where the database refuses it, each half is tried on its own, so that one
    /// bad command does not fail its neighbours. What it rolled back for the sake of another is carried out again.
    #[tracing::instrument(level = "debug", name = "batch", skip_all, fields(commands = batch.len()))]
    async fn commit(&mut self, batch: Vec<Waiting>) {
        let mut halves = VecDeque::from([batch]);
        let mut again = AGAIN;
        while let Some(mut batch) = halves.pop_front() {
            let appends: Vec<_> = batch.iter().map(|waiting| &waiting.append).collect();
            match self.writer.commit(&appends).await {
                Ok(committed) => self.answer(batch, committed),
                Err(error) if again > 0 && error.is_rolled_back() => {
                    again -= 1;
                    halves.push_front(batch);
                }
                Err(error) if batch.len() > 1 && error.is_of_the_batch() => {
                    let second = batch.split_off(batch.len() / 2);
                    halves.push_front(second);
                    halves.push_front(batch);
                }
                Err(error) => fail(batch, &error),
            }
        }
    }

    fn answer(&self, batch: Vec<Waiting>, Committed { verdicts, recorded }: Committed) {
        self.revocations.note(&recorded);
        journal::note(&recorded);
        if let Some(last) = recorded.last() {
            self.newest.send_replace(last.position);
        }
        for (waiting, verdict) in batch.into_iter().zip(verdicts) {
            // A caller that is gone needs no answer; its command is carried out all the same.
            let _gone = waiting.reply.send(verdict);
        }
    }
}

/// Takes from the backlog what can share a transaction: each stream is written once, no stream is
/// written that another command's decision stands on, and one command at most counts on an ADMIN.
fn compatible(backlog: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut written: HashSet<StreamId> = HashSet::new();
    let mut watched: HashSet<StreamId> = HashSet::new();
    let mut batch = Vec::with_capacity(backlog.len().min(BATCH));
    let mut counts_on_an_admin = false;
    let mut later = VecDeque::new();
    while let Some(waiting) = backlog.pop_front() {
        let append = &waiting.append;
        let clashes = batch.len() >= BATCH
            || written.contains(&append.stream)
            || watched.contains(&append.stream)
            || append.undisturbed().any(|stream| written.contains(&stream))
            || (counts_on_an_admin && append.counts_on_an_admin());
        if clashes {
            later.push_back(waiting);
        } else {
            written.insert(append.stream);
            watched.extend(append.undisturbed());
            counts_on_an_admin |= append.counts_on_an_admin();
            batch.push(waiting);
        }
    }
    *backlog = later;
    batch
}

fn fail(batch: Vec<Waiting>, error: &Failure) {
    tracing::error!(%error, commands = batch.len(), "an append failed");
    for waiting in batch {
        let _gone = waiting.reply.send(Err(error.for_one()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has hundreds of commands")]
const fn f64_of(length: usize) -> f64 {
    length as f64
}
