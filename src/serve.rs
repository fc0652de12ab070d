//! The program at work: the API, the workers, or both, until a signal ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use commands::Commands;
use futures::StreamExt;
use futures::stream::BoxStream;
use identity::IfMissing;
use object_store::ObjectStore;
use pool::PgPool;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;
use workers::{MailSettings, Pace, Workers};

use crate::background::Background;
use crate::config::{Config, LogFormat};
use crate::error::Error;
use crate::first_admin;
use crate::health::Checks;
use crate::listeners::Listeners;
use crate::parts::{self, Broker, Database, patiently};
use crate::role::Role;
use crate::storage::{self, Media};
use crate::{database, erasures, metrics, output, read_models, rights, servers, start};

/// How often what has expired is cleared away.
const HOUSEKEEPING: Duration = Duration::from_hours(1);
/// More than one video at a time would starve the API on a small machine.
const VIDEOS_AT_ONCE: usize = 1;

/// Everything that runs shares these.
struct Running<'a> {
    config: &'a Config,
    pool: PgPool,
    commands: Commands,
    nats: async_nats::Client,
    media: Media,
    public_url: Url,
    shutdown: CancellationToken,
    background: Background,
}

/// Serves until a signal ends it.
pub async fn run(config: &Config, role: Role) -> Result<(), Error> {
    let shutdown = until_signalled()?;
    let listeners = Listeners::open(config)?;
    let database = match role {
        Role::Everything => read_models::open_up_to_date(config).await?,
        Role::Api | Role::Worker => Database::open(config, IfMissing::Leave).await?,
    };
    let outcome = match Broker::open(config).await {
        Ok(broker) => {
            let outcome = with(config, role, &database, &broker, listeners, shutdown).await;
            broker.close().await;
            outcome
        }
        Err(error) => Err(error),
    };
    database.close().await;
    outcome
}

async fn with(
    config: &Config,
    role: Role,
    database: &Database,
    broker: &Broker,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    if role != Role::Api {
        workers::check_videos(&config.limits, &config.data_dir.join("scratch")).await?;
    }
    let public_url = match role {
        Role::Everything | Role::Api => config.public_url_at(listeners.bound),
        Role::Worker => config.public_url.clone(),
    };
    let (commands, media) =
        patiently(async || prepare(config, role, &database.pool, &public_url).await).await?;
    let serving = patiently(async || Ok(rights::look(&database.pool).await?)).await?;
    let failed = |source| Error::Io { what: "starting threads", source };
    let background = Background::start().map_err(failed)?;
    let nats = servers::connect_nats(&broker.address, background.handle()).await?;
    let pool = database.pool.clone();
    let running = Running { config, pool, commands, nats, media, public_url, shutdown, background };
    start::log(config, role, &serving);
    running.all(role, listeners).await
}

/// Looks at the database, and opens what works with it.
async fn prepare(
    config: &Config,
    role: Role,
    pool: &PgPool,
    public_url: &Url,
) -> Result<(Commands, Media), Error> {
    if role != Role::Everything {
        database::check_migrated(pool).await?;
        projections::discard_leftovers(pool).await?;
    }
    let commands = parts::commands(config, pool, public_url, IfMissing::Create).await?;
    let media = storage::open(config).await?;
    erasures::apply(config, &commands, &media.store).await?;
    if role == Role::Everything && config.database_url.is_none() {
        first_admin::make(config, pool, &commands).await?;
    }
    Ok((commands, media))
}

impl Running<'_> {
    async fn all(&self, role: Role, listeners: Listeners) -> Result<(), Error> {
        let mut tasks = JoinSet::new();
        let mut health =
            Checks::new(self.pool.clone(), self.nats.clone(), Arc::clone(&self.media.store));
        if role != Role::Api {
            let parts = self.worker_parts()?;
            self.check_servers_of(&parts);
            let commands = parts.commands.clone();
            let workers = Workers::new(parts);
            health = health.with_workers(workers.health());
            let background = self.background.handle();
            tasks.spawn_on(workers.run(self.shutdown.clone()), background);
            tasks.spawn_on(self.housekeeping(commands), background);
        }
        // Workers too: it also rereads the keys and forgets those of people who were erased.
        let follower = self.commands.follow_sessions().await?;
        tasks.spawn(follower.run(self.shutdown.clone()));
        tasks.spawn(clock(self.pool.clone(), self.shutdown.clone()));
        let live = self.live();
        let app = self.app(health, &live)?;
        if role != Role::Worker {
            tasks.spawn_on(live.run(self.video_progress().await?), self.background.handle());
        }
        let service = match role {
            Role::Everything | Role::Api => api::service(app.clone()),
            Role::Worker => api::watching(app.clone()),
        };
        let (bound, operations) = (listeners.bound, listeners.operations());
        listeners.serve(self.config, &app, service, &mut tasks, &self.shutdown)?;
        self.announce(role, bound, operations);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                // A task that panicked is not replaced: a supervisor restarts the program.
                tracing::error!("a part of the program failed: {error}");
                self.shutdown.cancel();
            }
        }
        Ok(())
    }

    /// In the background: the start waits for none of them.
    fn check_servers_of(&self, parts: &workers::Parts) {
        let background = self.background.handle();
        if let Some(url) = &self.config.smtp_url {
            background.spawn(servers::check_mail(url.clone(), parts.mail.clone()));
        }
        if let Some(scanner) = &self.config.scanner {
            background.spawn(servers::check_scanner(scanner.clone()));
        }
    }

    fn live(&self) -> api::Live {
        let personal = Arc::new(self.commands.vault().clone());
        api::Live::new(self.commands.clone(), self.pool.clone(), personal, self.shutdown.clone())
    }

    /// The progress of videos that any worker publishes.
    async fn video_progress(&self) -> Result<BoxStream<'static, api::VideoProgress>, Error> {
        let told = workers::video_progress(&self.nats, &self.config.nats_prefix).await?;
        let progress = |workers::VideoProgress { product, upload, percent }| api::VideoProgress {
            product,
            upload,
            percent,
        };
        Ok(told.map(progress).boxed())
    }

    fn app(&self, health: Checks, live: &api::Live) -> Result<api::App, Error> {
        Ok(api::App::from(api::Parts {
            commands: self.commands.clone(),
            pool: self.pool.clone(),
            personal: Arc::new(self.commands.vault().clone()),
            media: Arc::clone(&self.media.store),
            media_chunk: self.media.chunk,
            presigner: self.media.presigner.clone(),
            live: live.clone(),
            settings: api::Settings {
                public_url: self.public_url.clone(),
                links_follow_loopback: self.config.public_url_follows_bind(),
                max_video_bytes: self.config.max_video_bytes,
                cors_allowed_origins: self.config.cors_allowed_origins.clone(),
                trusted_proxies: self.config.trusted_proxies.clone(),
                rate_limits: self.config.rate_limits,
                require_payload_encryption: self.config.require_payload_encryption,
                require_policy: self.config.require_policy,
                operations_apart: self.config.operations_bind.is_some(),
            },
            health: Arc::new(health),
            shutdown: self.shutdown.clone(),
            metrics_render: metrics::install(self.pool.clone())?,
        }))
    }

    fn worker_parts(&self) -> Result<workers::Parts, Error> {
        let config = self.config;
        let mail = match &config.smtp_url {
            Some(url) => MailSettings::smtp(url, &config.mail_from, &self.public_url)?,
            None => MailSettings::files(config.mail_dir(), &config.mail_from, &self.public_url)?,
        };
        let pool = database::for_workers(&self.pool);
        Ok(workers::Parts {
            commands: self.commands.with_pool(&pool),
            pool,
            progress: database::for_progress(&self.pool),
            nats: self.nats.clone(),
            prefix: config.nats_prefix.clone(),
            stream_replicas: config.nats_replicas,
            media: Arc::clone(&self.media.store),
            media_folder: storage::folder(config),
            mail,
            mail_folder: config.mail_dir(),
            limits: config.limits.clone(),
            scanner: config.scanner.clone(),
            scratch: config.data_dir.join("scratch"),
            videos_at_once: VIDEOS_AT_ONCE,
            pace: Pace::default(),
        })
    }

    /// What is done every hour, until the program ends.
    fn housekeeping(&self, commands: Commands) -> impl Future<Output = ()> + Send + use<> {
        let storage = Arc::clone(&self.media.store);
        housekeeping(commands, storage, self.config.log_format, self.shutdown.clone())
    }

    fn announce(&self, role: Role, bound: SocketAddr, operations: Option<SocketAddr>) {
        let format = self.config.log_format;
        let url = format!("{}://{bound}/", self.config.scheme());
        let told = match role {
            Role::Everything | Role::Api => format!("Vetted is at {url}"),
            Role::Worker => format!("The workers say how they are at {url}readyz"),
        };
        output::announce(format, &told, &[("url", &url)]);
        if let Some(operations) = operations {
            let told = format!("Metrics and the details of /readyz are at http://{operations}/");
            output::announce(format, &told, &[("url", &format!("http://{operations}/"))]);
        }
        if role != Role::Api && self.config.smtp_url.is_none() {
            let folder = self.config.mail_dir().display().to_string();
            output::announce(format, &format!("Mails become files in {folder}"), &[]);
        }
        output::announce(format, "Stop it with Ctrl-C.", &[]);
    }
}

async fn clock(pool: PgPool, shutdown: CancellationToken) {
    shutdown.run_until_cancelled(identity::clock::follow(pool)).await;
}

async fn housekeeping(
    commands: Commands,
    storage: Arc<dyn ObjectStore>,
    format: LogFormat,
    shutdown: CancellationToken,
) {
    loop {
        if let Err(error) = commands.clear_expired().await {
            tracing::warn!("what has expired could not be cleared away: {error}");
        }
        if tokio::time::timeout(HOUSEKEEPING, shutdown.cancelled()).await.is_ok() {
            return;
        }
        if let Err(error) = erasures::check(format, &commands, &storage).await {
            tracing::warn!("erasures were not compared with their records: {error}");
        }
    }
}

/// Cancelled by the first signal to end; a second one ends the program at once.
fn until_signalled() -> Result<CancellationToken, Error> {
    let failed = |source| Error::Io { what: "handling signals", source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(130);
            }
            cancelled.cancel();
        }
    });
    Ok(token)
}
