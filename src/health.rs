//! Whether the parts that the program needs are there, for `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_trait::async_trait;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::PgPool;
use workers::TaskState;

/// A part that takes longer counts as down.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at each part.
pub struct Checks {
    pool: PgPool,
    nats: async_nats::Client,
    media: Arc<dyn ObjectStore>,
    workers: Option<workers::Health>,
}

type Outcome = Result<(), String>;

impl Checks {
    /// Of the parts that every process has.
    pub fn new(pool: PgPool, nats: async_nats::Client, media: Arc<dyn ObjectStore>) -> Self {
        Self { pool, nats, media, workers: None }
    }

    /// The same with the workers, where they run in this process.
    pub fn with_workers(self, workers: workers::Health) -> Self {
        Self { workers: Some(workers), ..self }
    }

    async fn database(&self) -> Outcome {
        let asked = sqlx::query("SELECT 1").execute(&self.pool);
        in_time(asked).await.map_err(|()| "The database does not answer.".to_owned())
    }

    fn broker(&self) -> Outcome {
        match self.nats.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => {
                Err("NATS is not connected: commands go on, and what follows them waits."
                    .to_owned())
            }
        }
    }

    async fn storage(&self) -> Outcome {
        let asked = async {
            match self.media.head(&Path::from("readiness")).await {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        in_time(asked).await.map_err(|()| "The storage for files does not answer.".to_owned())
    }

    async fn projections(&self) -> Outcome {
        let asked = async {
            let mut conn = self.pool.acquire().await?;
            projections::outdated(&mut conn).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(outdated)) if outdated.is_empty() => Ok(()),
            Ok(Ok(outdated)) => {
                Err(format!("Run `vetted projections rebuild`: {} changed.", outdated.join(", ")))
            }
            Ok(Err(_)) | Err(_) => Err("The read models cannot be reached.".to_owned()),
        }
    }

    fn workers(workers: &workers::Health) -> Outcome {
        let down: Vec<_> = workers
            .tasks()
            .into_iter()
            .filter_map(|(name, state)| match state {
                TaskState::Running | TaskState::Ended => None,
                TaskState::Restarting { .. } => Some(format!("{name} is being restarted")),
                TaskState::Waiting { reason } => Some(format!("{name} wait: {reason}")),
                TaskState::Halted { .. } => Some(format!("{name} has halted: see the log")),
            })
            .collect();
        if down.is_empty() { Ok(()) } else { Err(format!("{}.", down.join(", "))) }
    }
}

async fn in_time<T, E>(asked: impl Future<Output = Result<T, E>>) -> Result<(), ()> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

#[async_trait]
impl api::Health for Checks {
    async fn check(&self) -> Vec<(&'static str, Outcome)> {
        let (database, storage, projections) =
            tokio::join!(self.database(), self.storage(), self.projections());
        let mut checks = vec![
            ("database", database),
            ("broker", self.broker()),
            ("storage", storage),
            ("projections", projections),
        ];
        checks.extend(self.workers.iter().map(|workers| ("workers", Self::workers(workers))));
        checks
    }
}
