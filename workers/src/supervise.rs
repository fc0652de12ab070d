//! Tasks that must not end before the program does.

use std::error::Error;
use std::time::Duration;

use domain::DecodeError;
use log::LogError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::health::{Health, TaskState};

/// Why a task ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database, the broker or a disk: another try may succeed.
    #[error("{0}")]
    Passing(#[source] Box<dyn Error + Send + Sync>),
    /// Going on would skip something: no try may be made until somebody has looked.
    #[error("{0}")]
    Halt(String),
}

impl Fault {
    /// Wraps what another try may overcome.
    pub fn passing(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Passing(error.into())
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::passing(error)
    }
}

/// What serde says may quote the event, so it is not repeated.
impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => error.into(),
            LogError::Undecodable { position, source: DecodeError::Payload { event, .. } } => {
                Self::Halt(format!("the event at position {position}, {event}, cannot be read"))
            }
            error @ (LogError::Undecodable { .. }
            | LogError::StreamId { .. }
            | LogError::OtherKind(_)
            | LogError::Gap { .. }) => Self::Halt(error.to_string()),
        }
    }
}

const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(3) };
/// How long a task that failed has to hold out before it is called well.
const TRIAL: Duration = Duration::from_secs(2);
/// A part that ran for so long has recovered.
const RECOVERED: Duration = Duration::from_secs(30);

/// A task that is kept alive.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    /// Is told how it is.
    pub(crate) health: Health,
    pub(crate) shutdown: CancellationToken,
}

impl Task {
    /// Runs it until the program ends, again and again where it fails or panics.
    pub(crate) async fn supervise<F>(self, run: impl Fn(CancellationToken) -> F)
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let Self { name, health, shutdown } = self;
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            let started = Instant::now();
            let mut running = tokio::spawn(run(shutdown.clone()));
            // After a failure it counts as well again once it has held out for a while.
            let trial = if failures == 0 { Duration::ZERO } else { TRIAL };
            let ended = if let Ok(ended) = tokio::time::timeout(trial, &mut running).await {
                ended
            } else {
                health.set(name, TaskState::Running);
                running.await
            };
            let fault = match ended.map_err(Fault::passing).and_then(|result| result) {
                Ok(()) if shutdown.is_cancelled() => break,
                Ok(()) => Fault::passing("it ended by itself"),
                Err(fault) => fault,
            };
            if let Fault::Halt(reason) = fault {
                tracing::error!(task = name, reason, "halted: an operator has to look");
                metrics::counter!("vetted_worker_halts_total", "task" => name).increment(1);
                health.set(name, TaskState::Halted { reason });
                return;
            }
            failures = if started.elapsed() > RECOVERED { 1 } else { failures.saturating_add(1) };
            tracing::warn!(task = name, failures, error = %fault, "failed: trying again");
            health.set(name, TaskState::Restarting { failures, error: fault.to_string() });
            let delay = BACKOFF.delay(failures);
            let _ = tokio::time::timeout(delay, shutdown.cancelled()).await;
        }
        health.set(name, TaskState::Ended);
    }
}
