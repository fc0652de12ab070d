//! From the log to JetStream: each event once and in order, whatever fails.
//!
//! PostgreSQL is the truth and the stream a copy that may be lost. Every message says at which
//! sequence of the stream it has to be stored, so messages in flight are stored in order or not at
//! all, and a relay that lost its lease without noticing can't get between its successor's.

mod publish;
mod stream;

use std::time::Duration;

use async_nats::jetstream;
use log::Envelope;
use pool::{Lease, PgPool};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::named_lease::NamedLease;
use crate::nats::Names;
use crate::supervise::Fault;
use stream::Tail;

/// Its name among leases, checkpoints and tasks.
pub(crate) const NAME: &str = "relay";
const LEASE: Duration = Duration::from_secs(6);
/// How often the lease is renewed, and how often the stream is looked at for what may have
/// happened to it.
const UPKEEP: Duration = Duration::from_millis(1_500);
/// The longest time that a committed event waits when nobody wakes the relay.
const POLL: Duration = Duration::from_millis(250);
/// What comes in close together is read and written down together.
const GATHER: Duration = Duration::from_millis(20);
/// Messages in flight at once.
const BATCH: i64 = 512;
/// How long one message may wait for its acknowledgement.
const ACK_PATIENCE: Duration = Duration::from_secs(3);

/// Publishes the log. Any number may run; the one with the lease works.
#[derive(Clone)]
pub struct Relay {
    pool: PgPool,
    progress: PgPool,
    jetstream: jetstream::Context,
    names: Names,
    replicas: usize,
    lease: NamedLease,
    committed: watch::Receiver<i64>,
}

impl Relay {
    /// `progress` is for how far it is; `replicas` are those of the stream in a NATS cluster; `committed` wakes it up.
    pub fn new(
        pool: PgPool,
        progress: PgPool,
        client: async_nats::Client,
        prefix: &str,
        replicas: usize,
        committed: watch::Receiver<i64>,
    ) -> Self {
        let names = Names::new(prefix);
        let mut jetstream = jetstream::new(client);
        jetstream.set_timeout(ACK_PATIENCE);
        let lease = NamedLease::new(pool.clone(), NAME, LEASE);
        Self { pool, progress, jetstream, names, replicas, lease, committed }
    }

    /// Works whenever it holds the lease, until the program ends.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Fault> {
        while !shutdown.is_cancelled() {
            self.tell_backlog().await?;
            if let Some(lease) = self.lease.take().await? {
                let led = self.lead(&lease, &shutdown).await;
                // A lease that can't be released expires.
                let _ = lease.release().await;
                led?;
            }
            let _ = tokio::time::timeout(UPKEEP, shutdown.cancelled()).await;
        }
        Ok(())
    }

    async fn lead(
        &self,
        lease: &Lease<&'static str>,
        shutdown: &CancellationToken,
    ) -> Result<(), Fault> {
        let fence = lease.fence();
        let mut tail = self.find_tail(fence).await?;
        let mut committed = self.committed.clone();
        let mut upkeep = Instant::now();
        while !shutdown.is_cancelled() {
            if upkeep.elapsed() >= UPKEEP {
                if !lease.renew().await? {
                    return Ok(());
                }
                self.look_after(&mut tail, fence).await?;
                upkeep = Instant::now();
            }
            committed.mark_unchanged();
            let batch = log::envelopes(&self.pool, tail.position, BATCH).await?;
            if batch.is_empty() {
                wait(&mut committed, shutdown).await;
            } else {
                self.publish(&batch, &mut tail, fence).await?;
            }
            if !is_full(&batch) {
                tokio::time::sleep(GATHER).await;
            }
        }
        Ok(())
    }

    /// Notices a stream that vanished or went back, and begins again where it ends now.
    async fn look_after(&self, tail: &mut Tail, fence: i64) -> Result<(), Fault> {
        if !self.is_intact(tail).await? {
            *tail = self.find_tail(fence).await?;
        }
        self.tell_backlog().await
    }

    /// By what is written down, so that it is known wherever events are published, and while none can be.
    async fn tell_backlog(&self) -> Result<(), Fault> {
        let lag = self.lag().await?;
        metrics::gauge!("vetted_relay_lag_events").set(figure(lag));
        let dead = "SELECT count(*) FROM dead_letters WHERE retried_at IS NULL";
        let dead = sqlx::query_scalar(dead).fetch_one(&self.pool).await?;
        metrics::gauge!("vetted_dead_letters").set(figure(dead));
        Ok(())
    }

    /// How many events have not been published.
    async fn lag(&self) -> Result<i64, sqlx::Error> {
        let sql = format!(
            "SELECT {} - coalesce((SELECT position FROM checkpoints WHERE subscriber = $1), 0)",
            log::HEAD
        );
        sqlx::query_scalar(&sql).bind(NAME).fetch_one(&self.pool).await
    }
}

fn figure(count: i64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn is_full(batch: &[Envelope]) -> bool {
    i64::try_from(batch.len()).is_ok_and(|length| length >= BATCH)
}

/// Until there may be something to publish.
async fn wait(committed: &mut watch::Receiver<i64>, shutdown: &CancellationToken) {
    let hint = async {
        if committed.changed().await.is_err() {
            // Nobody is left to wake us; polling goes on.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = hint => {}
        () = tokio::time::sleep(POLL) => {}
        () = shutdown.cancelled() => {}
    }
}
