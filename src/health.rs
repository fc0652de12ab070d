//! Whether the parts that the program needs are there, for `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use api::Checked;
use async_nats::connection::State;
use async_trait::async_trait;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pool::PgPool;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::Mutex;
use tokio::time::Instant;
use workers::TaskState;

/// A part that takes longer to read, or to write, counts as down.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an outcome is told to others who ask: anybody may, and parts are written to.
const FRESH: Duration = Duration::from_secs(1);
/// Bytes that are written to see whether there is room.
const FILLER: usize = 32 * 1024;
/// How far this machine's clock may be off the database's.
const CLOCK_OFF: time::Duration = time::Duration::seconds(5);
/// What is written to the storage, and deleted.
pub const PROBE: &str = "readiness";

/// Looks at each part.
pub struct Checks {
    pool: PgPool,
    nats: async_nats::Client,
    media: Arc<dyn ObjectStore>,
    workers: Option<workers::Health>,
    last: Mutex<Option<(Instant, Checked)>>,
}

type Outcome = Result<(), String>;

impl Checks {
    /// Of the parts that every process has.
    pub fn new(pool: PgPool, nats: async_nats::Client, media: Arc<dyn ObjectStore>) -> Self {
        Self { pool, nats, media, workers: None, last: Mutex::default() }
    }

    /// These checks and those of the workers, where they run in this process.
    pub fn with_workers(self, workers: workers::Health) -> Self {
        Self { workers: Some(workers), ..self }
    }

    async fn look(&self) -> Checked {
        let (database, storage, projections, rebuilds) =
            tokio::join!(self.database(), self.storage(), self.projections(), self.rebuilds());
        let mut parts = vec![
            ("database", database),
            ("broker", self.broker()),
            ("storage", storage),
            ("projections", projections),
        ];
        parts.extend(self.workers.iter().map(|workers| ("workers", Self::workers(workers))));
        Checked { parts, remarks: vec![("clock", clock()), ("rebuilds", rebuilds)] }
    }

    /// Writes, as a full disk, a standby and a frozen replica of a synchronous pair still read.
    async fn database(&self) -> Outcome {
        let read = sqlx::query("SELECT 1").execute(&self.pool);
        in_time(read).await.map_err(|()| "The database does not answer.".to_owned())?;
        in_time(fill(&self.pool)).await.map_err(|()| {
            "The database answers and can't be written: look at its disk, and whether it is a standby \
             or waits for one."
                .to_owned()
        })
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

    /// Writes, as a full disk still reads.
    async fn storage(&self) -> Outcome {
        let asked = async {
            match self.media.head(&Path::from(PROBE)).await {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        in_time(asked).await.map_err(|()| "The storage for files does not answer.".to_owned())?;
        let written = async {
            self.media.put(&Path::from(PROBE), vec![0; FILLER].into()).await?;
            match self.media.delete(&Path::from(PROBE)).await {
                // Another process deleted it.
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        };
        in_time(written).await.map_err(|()| {
            "The storage for files answers and can't be written: look at its room and its permissions."
                .to_owned()
        })
    }

    async fn projections(&self) -> Outcome {
        let asked = async {
            let mut conn = self.pool.acquire().await?;
            projections::outdated(&mut conn).await
        };
        match tokio::time::timeout(CHECK_TIMEOUT, asked).await {
            Ok(Ok(outdated)) if outdated.is_empty() => Ok(()),
            Ok(Ok(outdated)) => {
                Err(format!("Run `vetted projections rebuild`: {} changed.", outdated.join(", ")))
            }
            Ok(Err(_)) | Err(_) => Err("The read models cannot be reached.".to_owned()),
        }
    }

    /// Whether a rebuild that was killed has left tables.
    async fn rebuilds(&self) -> Outcome {
        let asked = async { projections::leftovers(&mut *self.pool.acquire().await?).await };
        match tokio::time::timeout(CHECK_TIMEOUT, asked).await {
            Ok(Ok(left)) if !left.is_empty() => Err(format!(
                "A rebuild of {} was killed: `vetted migrate` drops what it left, or another rebuild does.",
                left.join(", ")
            )),
            // Whether the database answers is told above.
            Ok(_) | Err(_) => Ok(()),
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

/// Writes on a connection of its own: one that waits for a frozen standby is lost to the pool.
async fn fill(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut connection = pool.connect_options().connect().await?;
    // A wait for a standby that is cut short is answered as if the standby had confirmed.
    let written = format!(
        "BEGIN; SET LOCAL statement_timeout = '5s'; TRUNCATE readiness;
         INSERT INTO readiness SELECT decode(repeat(md5(random()::text), {FILLER} / 16), 'hex');
         COMMIT"
    );
    connection.execute(written.as_str()).await?;
    connection.close().await
}

async fn in_time<T, E>(asked: impl Future<Output = Result<T, E>>) -> Result<(), ()> {
    match tokio::time::timeout(CHECK_TIMEOUT, asked).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Nothing goes by this machine's clock but its log.
fn clock() -> Outcome {
    let ahead = identity::clock::machine_is_ahead();
    if ahead.abs() <= CLOCK_OFF {
        return Ok(());
    }
    let seconds = ahead.abs().whole_seconds();
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    Err(format!(
        "This machine's clock is {seconds} s {side} the database's: have NTP set it. Tokens and links go by \
         the database's."
    ))
}

#[async_trait]
impl api::Health for Checks {
    async fn check(&self) -> Checked {
        let mut last = self.last.lock().await;
        if let Some((at, checked)) = &*last
            && at.elapsed() < FRESH
        {
            return checked.clone();
        }
        let checked = self.look().await;
        *last = Some((Instant::now(), checked.clone()));
        checked
    }
}
