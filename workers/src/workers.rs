//! Every task, put together and kept alive.

use std::path::PathBuf;
use std::sync::Arc;

use commands::Commands;
use object_store::ObjectStore;
use pool::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::eraser::{self, Eraser};
use crate::health::{Health, TaskState};
use crate::mail::MailSettings;
use crate::mailer::{self, Mailer};
use crate::relay::{self, Relay};
use crate::subscriber::{Handler, Pace, Subscriber};
use crate::supervise::Task;
use crate::sweeper::{self, Sweeper};
use crate::video::media::{Limits, confinement};
use crate::video::{Announcer, FINALIZER, Finalizer, Needs, ScannerAddress, VIDEOS, watch};

/// What the workers work with.
pub struct Parts {
    /// PostgreSQL.
    pub pool: PgPool,
    /// PostgreSQL, for how far the relay and the subscribers are: commits need not wait for the disk, since what is
    /// lost in a crash is done again.
    pub progress: PgPool,
    /// The one way to change the domain; also makes the links in mails.
    pub commands: Commands,
    /// NATS. It may be down, at the start too: make it with `retry_on_initial_connect`.
    pub nats: async_nats::Client,
    /// What names on NATS start with.
    pub prefix: String,
    /// Copies of the stream in a NATS cluster; 1 or 3.
    pub stream_replicas: usize,
    /// Where videos are.
    pub media: Arc<dyn ObjectStore>,
    /// The folder of this machine that they are in, if they are in one.
    pub media_folder: Option<PathBuf>,
    /// How mails leave.
    pub mail: MailSettings,
    /// The folder of this machine that mails are written to without a server, now or before.
    pub mail_folder: PathBuf,
    /// What a video may be, and what finishing it may take.
    pub limits: Limits,
    /// A virus scanner that sees videos first, if there is one.
    pub scanner: Option<ScannerAddress>,
    /// A folder on disk for videos that are being finished.
    pub scratch: PathBuf,
    /// Videos finished at once in this process; each may keep a core busy.
    pub videos_at_once: usize,
    /// How eager and how patient the subscribers are.
    pub pace: Pace,
}

/// The relay and the subscribers of one process; any number of processes may run them.
pub struct Workers {
    parts: Parts,
    health: Health,
}

impl Workers {
    /// Nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let health = Health::default();
        let names = [relay::NAME, mailer::NAME, eraser::NAME, FINALIZER, sweeper::NAME, VIDEOS];
        for name in names {
            health.set(name, TaskState::Running);
        }
        Self { parts, health }
    }

    /// How the tasks are, also while they run.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs until told to end; then until what was begun is over, or has been for long enough.
    pub async fn run(self, shutdown: CancellationToken) {
        let parts = self.parts;
        tracing::info!("media tools are confined: {}", confinement().await);
        let relay = Relay::new(
            parts.pool.clone(),
            parts.progress.clone(),
            parts.nats.clone(),
            &parts.prefix,
            parts.stream_replicas,
            parts.commands.committed(),
        );
        let mailer = Mailer::new(parts.commands.clone(), parts.pool.clone(), parts.mail.clone());
        let concurrency = parts.mail.conversations();
        let batch = parts.mail.at_once(parts.pace.batch);
        let letters = Pace { concurrency, batch, attempts: MAIL_TRIES, ..parts.pace };
        let mailer = subscriber(&parts, mailer, letters);
        let eraser = Eraser::new(parts.commands.clone());
        let eraser =
            subscriber(&parts, eraser, Pace { batch: 1, attempts: ERASURE_TRIES, ..parts.pace });
        let needs = parts.needs();
        let videos = Pace { concurrency: parts.videos_at_once.max(1), batch: 1, ..parts.pace };
        let finalizer = subscriber(&parts, parts.finalizer(&needs), videos);
        let sweeper = parts.sweeper();
        let task = |name| Task { name, health: self.health.clone(), shutdown: shutdown.clone() };
        tokio::join!(
            watch(needs, self.health.clone(), shutdown.clone()),
            task(relay::NAME).supervise(|stop| relay.clone().run(stop)),
            task(mailer::NAME).supervise(|stop| Arc::clone(&mailer).run(stop)),
            task(eraser::NAME).supervise(|stop| Arc::clone(&eraser).run(stop)),
            task(FINALIZER).supervise(|stop| Arc::clone(&finalizer).run(stop)),
            task(sweeper::NAME).supervise(|stop| sweeper.clone().run(stop)),
        );
    }
}

/// Of a letter that its server puts off: for a day (RFC 5321, 4.5.4.1, has four to five days for what a
/// server relays; a link that somebody waits for is of no use then).
const MAIL_TRIES: u32 = 30;
/// Of an erasure, which nothing may keep from being carried out: for more than a year.
const ERASURE_TRIES: u32 = 10_000;

impl Parts {
    fn sweeper(&self) -> Sweeper {
        let (pool, media) = (self.pool.clone(), Arc::clone(&self.media));
        Sweeper::new(pool, media, self.media_folder.clone(), self.mail_folder.clone())
    }

    fn needs(&self) -> Arc<Needs> {
        Arc::new(Needs {
            limits: self.limits.clone(),
            scanner: self.scanner.clone(),
            scratch: self.scratch.clone(),
            doubt: Notify::new(),
        })
    }

    fn finalizer(&self, needs: &Arc<Needs>) -> Finalizer {
        Finalizer::new(
            self.pool.clone(),
            self.commands.clone(),
            Arc::clone(&self.media),
            Arc::clone(needs),
            Announcer::new(self.nats.clone(), &self.prefix),
        )
    }
}

fn subscriber<H: Handler>(parts: &Parts, handler: H, pace: Pace) -> Arc<Subscriber<H>> {
    let (pool, progress) = (parts.pool.clone(), parts.progress.clone());
    let (vault, nats) = (parts.commands.vault().clone(), parts.nats.clone());
    Arc::new(Subscriber::new(handler, pool, progress, vault, nats, &parts.prefix, pace))
}
