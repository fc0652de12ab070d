//! What every subcommand stands on: the database, and the commands on it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use commands::identity::{Identity, Secrets, SecretsError};
use commands::{CommandError, Commands, Context};
use domain::{RequestId, SystemActor};
use secrecy::SecretString;
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use crate::config::{Config, ConfigError, NatsAddress};
use crate::embedded::{self, Nats, Postgres};
use crate::read_models::Inline;
use crate::{database, private, storage};

/// Why the program can't do what it was asked for; the text is meant for its user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Embedded(#[from] embedded::Error),
    #[error(transparent)]
    Database(#[from] database::Error),
    #[error(transparent)]
    Storage(#[from] storage::Error),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Vault(#[from] commands::VaultError),
    #[error(transparent)]
    Read(#[from] projections::ReadError),
    #[error(transparent)]
    Rebuild(#[from] projections::RebuildError),
    #[error(transparent)]
    Log(#[from] projections::LogError),
    #[error(transparent)]
    Mail(#[from] workers::MailSettingsError),
    #[error("no video can be finished here: {0}")]
    Videos(#[from] workers::video::media::Unfit),
    #[error("NATS_URL cannot be used: {0}")]
    Nats(#[from] async_nats::ConnectError),
    #[error("NATS cannot be listened to: {0}")]
    Subscribe(#[from] async_nats::SubscribeError),
    #[error(
        "{variable} {bind} cannot be listened on: {source}; stop what listens there, or set another {variable}"
    )]
    Bind { variable: &'static str, bind: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    #[error("TLS cannot be set up: {0}")]
    TlsProtocol(#[from] rustls::Error),
    #[error("the database failed: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("{what} failed: {source}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("{0}")]
    Usage(String),
}

/// A database, wherever it comes from.
pub struct Database {
    /// The pool.
    pub pool: PgPool,
    url: SecretString,
    embedded: Option<Postgres>,
}

impl Database {
    /// Connects to the configured database, or to the private one, which is started unless
    /// another `vetted` runs it already.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let (url, embedded) = match &config.database_url {
            Some(url) => (url.clone(), None),
            None => private_database(config).await?,
        };
        let pool = database::connect(&url, config.allow_unsafe_database).await?;
        Ok(Self { pool, url, embedded })
    }

    /// A pool for workers, see [`database::relaxed`].
    pub fn relaxed(&self) -> Result<PgPool, Error> {
        Ok(database::relaxed(&self.url)?)
    }

    /// Opens the database for one piece of work, and closes it whatever comes of that.
    pub async fn with<T>(
        config: &Config,
        work: impl AsyncFnOnce(&PgPool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = Self::open(config).await?;
        let outcome = work(&database.pool).await;
        database.close().await;
        outcome
    }

    /// Ends the private database, if this program started it.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(postgres) = self.embedded {
            postgres.stop().await;
        }
    }
}

async fn private_database(config: &Config) -> Result<(SecretString, Option<Postgres>), Error> {
    if let Some(url) = Postgres::running(&config.data_dir) {
        return Ok((url, None));
    }
    make_data_dir(config)?;
    let postgres = Postgres::start(&config.data_dir).await?;
    Ok((postgres.url().clone(), Some(postgres)))
}

/// A broker, wherever it comes from.
pub struct Broker {
    /// Where it is.
    pub address: NatsAddress,
    embedded: Option<Nats>,
}

impl Broker {
    /// The configured broker, or the private one, which is started.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        if let Some(address) = &config.nats {
            return Ok(Self { address: address.clone(), embedded: None });
        }
        if let Some(address) = Nats::running(&config.data_dir) {
            return Ok(Self { address, embedded: None });
        }
        make_data_dir(config)?;
        let nats = Nats::start(&config.data_dir).await?;
        Ok(Self { address: nats.address().clone(), embedded: Some(nats) })
    }

    /// Ends the private broker, if this program started it.
    pub async fn close(self) {
        if let Some(nats) = self.embedded {
            nats.stop().await;
        }
    }
}

fn make_data_dir(config: &Config) -> Result<(), Error> {
    let what = "making DATA_DIR";
    private::make_data_dir(&config.data_dir).map_err(|source| Error::Io { what, source })
}

/// The write side, on a database that is up to date.
pub fn commands(config: &Config, pool: &PgPool, public_url: &Url) -> Result<Commands, Error> {
    let identity = Identity::try_new(&secrets(config)?, public_url)?
        .with_session_idle_days(config.session_idle_days)
        .with_second_factor_for(config.require_second_factor.clone());
    Ok(Commands::new(pool.clone(), Arc::new(Inline::default()), identity))
}

/// The keys, unless others than this program's account and its group may have read them.
pub fn secrets(config: &Config) -> Result<Secrets, Error> {
    const OF_OTHERS: u32 = 0o027;
    let file = &config.secrets_file;
    if file.parent() == Some(&config.data_dir) {
        make_data_dir(config)?;
    }
    let secrets = Secrets::load_or_create(file)?;
    let what = "looking at SECRETS_FILE";
    let mode = fs::metadata(file).map_err(|source| Error::Io { what, source })?.mode();
    if mode & OF_OTHERS == 0 {
        return Ok(secrets);
    }
    Err(Error::Usage(format!(
        "SECRETS_FILE {} may be read or changed by others (mode {:03o}): they may know its keys. \
         Run `chmod 600` on it where they don't, or move it away to have new ones made.",
        file.display(),
        mode & 0o777
    )))
}

/// A context for what somebody does at the command line.
pub fn operator() -> Context {
    Context::system(SystemActor::Operator, RequestId::from_uuid(Uuid::now_v7()))
}
