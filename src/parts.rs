//! What every subcommand is built on: the database, the broker, and the commands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use commands::{Commands, Context};
use domain::{RequestId, SystemActor};
use identity::{Identity, IfMissing};
use pool::{PgPool, Pooler};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::config::{Config, NatsAddress};
use crate::database::Address;
use crate::embedded::{self, Nats, Postgres};
use crate::error::Error;
use crate::{database, rights, secrets};

/// How long a step of a start is tried that the database keeps from succeeding.
const RETRY_FOR: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(500);

/// Carries out a step of a start, again where the database goes away or is too busy meanwhile.
pub async fn patiently<T>(step: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        match step().await {
            Err(error) if error.is_outage_of_database() && began.elapsed() < RETRY_FOR => {
                tracing::warn!(%error, "the database cannot be used: trying again");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// A connection to the database, configured or private.
pub struct Database {
    /// The pool.
    pub pool: PgPool,
    address: Address,
    embedded: Option<Postgres>,
}

impl Database {
    /// Connects to the configured database, or to the private one, which is started unless
    /// another `vetted` runs it already; only with [`IfMissing::Create`] is a private one made.
    /// A database of other secrets is refused, whatever it is opened for.
    pub async fn open(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        Self::open_unchecked(config, missing).await?.checked(config).await
    }

    /// Opens the database before it is known to be the one for these secrets, and the role to have its rights.
    pub async fn open_unchecked(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        match configured_address(config) {
            Some(address) => Self::connect(config, address, None).await,
            None => Self::open_private(config, missing).await?.hand_over(config).await,
        }
    }

    /// Refuses a role without its rights, and secrets of another database.
    pub async fn checked(self, config: &Config) -> Result<Self, Error> {
        match patiently(async || self.check(config).await).await {
            Ok(()) => Ok(self),
            Err(error) => {
                self.close().await;
                Err(error)
            }
        }
    }

    /// Whether its role has its rights, whether the secrets are its own, and what time it has.
    async fn check(&self, config: &Config) -> Result<(), Error> {
        rights::check_granted(&self.pool).await?;
        secrets::compare(config, &self.pool).await?;
        Ok(identity::clock::compare(&self.pool).await?)
    }

    /// Opens the database where sessions are kept: for a snapshot that is held over several transactions, and for
    /// PostgreSQL's own programs.
    pub async fn open_session(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        match &config.database_url {
            Some(_) => {
                Self::connect(config, session_address(config)?, None).await?.checked(config).await
            }
            None => Self::open(config, missing).await,
        }
    }

    /// Opens the database by the role that owns the schema, and where sessions are kept.
    async fn open_owner(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        Self::open_owner_unchecked(config, missing).await?.checked(config).await
    }

    /// Opens the database by the role that owns the schema, whichever secrets it belongs to: for a restore, which brings both.
    pub async fn open_owner_unchecked(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        let database = match &config.database_url {
            Some(_) => Self::connect(config, owner_address(config)?, None).await?,
            None => Self::open_private(config, missing).await?,
        };
        match check_owner(config, &database).await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(error.into())
            }
        }
    }

    /// The private database, by its owner.
    async fn open_private(config: &Config, missing: IfMissing) -> Result<Self, Error> {
        let (url, embedded) = private_database(config, missing).await?;
        Self::connect(config, private_address(url), embedded).await
    }

    /// The private database, by the role that serves, which gets its rights first: an earlier version may have made
    /// the cluster.
    async fn hand_over(self, config: &Config) -> Result<Self, Error> {
        let granted = grant(config, &self.pool).await;
        let serving = granted.and_then(|()| Ok(embedded::serving(&self.address.url)?));
        self.pool.close().await;
        match serving {
            Ok(url) => Self::connect(config, private_address(url), self.embedded).await,
            Err(error) => {
                stop(self.embedded).await;
                Err(error)
            }
        }
    }

    async fn connect(
        config: &Config,
        address: Address,
        embedded: Option<Postgres>,
    ) -> Result<Self, Error> {
        match database::connect(&address, config.allow_unsafe_database).await {
            Ok(pool) => Ok(Self { pool, address, embedded }),
            Err(error) => {
                stop(embedded).await;
                Err(error.into())
            }
        }
    }

    /// How it is connected to.
    pub const fn url(&self) -> &SecretString {
        &self.address.url
    }

    /// Opens the database that is there for one piece of work, and closes it even if that fails.
    pub async fn with<T>(
        config: &Config,
        work: impl AsyncFnOnce(&PgPool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::with_one(config, IfMissing::Leave, work).await
    }

    /// Works with the database; where there is none a private one is made with [`IfMissing::Create`].
    pub async fn with_one<T>(
        config: &Config,
        missing: IfMissing,
        work: impl AsyncFnOnce(&PgPool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::open(config, missing).await?.work(work).await
    }

    /// Works with the database that is there, by the role that owns the schema, and where sessions are kept: for
    /// what changes the schema.
    pub async fn with_owner<T>(
        config: &Config,
        work: impl AsyncFnOnce(&PgPool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Self::open_owner(config, IfMissing::Leave).await?.work(work).await
    }

    async fn work<T>(
        self,
        work: impl AsyncFnOnce(&PgPool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let outcome = work(&self.pool).await;
        self.close().await;
        outcome
    }

    /// Ends the private database, if this program started it.
    pub async fn close(self) {
        self.pool.close().await;
        stop(self.embedded).await;
    }
}

/// Refuses a role that may not change the schema, and a database that is not the one that is served.
async fn check_owner(config: &Config, owner: &Database) -> Result<(), database::Error> {
    if let (Some(serving), Some(_)) = (&config.database_url, &config.migration_database_url) {
        database::check_same(&owner.pool, serving).await?;
    }
    rights::check_owner(owner.address.variable, &owner.pool).await
}

/// `DATABASE_URL`.
fn configured_address(config: &Config) -> Option<Address> {
    let url = config.database_url.clone()?;
    Some(Address { variable: "DATABASE_URL", url, pooler: config.database_pooler })
}

/// Where sessions of the configured database are kept.
fn session_address(config: &Config) -> Result<Address, Error> {
    if let Some(url) = config.database_direct_url.clone() {
        return Ok(Address { variable: "DATABASE_DIRECT_URL", url, pooler: Pooler::None });
    }
    configured_address(config)
        .filter(|address| address.pooler != Pooler::Transaction)
        .ok_or(Error::NoSession)
}

/// By the role that owns the schema of the configured database, and where sessions are kept. What suits a pooler in
/// session mode suits PostgreSQL itself too.
fn owner_address(config: &Config) -> Result<Address, Error> {
    let Some(url) = config.migration_database_url.clone() else { return session_address(config) };
    let pooler = match config.database_pooler {
        Pooler::Session => Pooler::Session,
        Pooler::None | Pooler::Transaction => Pooler::None,
    };
    Ok(Address { variable: "MIGRATION_DATABASE_URL", url, pooler })
}

fn private_address(url: SecretString) -> Address {
    Address { variable: "the private PostgreSQL", url, pooler: Pooler::None }
}

/// Has the owner grant its rights to the role that serves. In a private cluster nobody else would make it.
pub async fn grant(config: &Config, owner: &PgPool) -> Result<(), Error> {
    let (role, missing) = match &config.database_url {
        Some(url) => (database::role(url)?, IfMissing::Leave),
        None => (embedded::SERVING_ROLE.to_owned(), IfMissing::Create),
    };
    Ok(rights::grant(owner, &role, missing).await?)
}

async fn stop(embedded: Option<Postgres>) {
    if let Some(postgres) = embedded {
        postgres.stop().await;
    }
}

async fn private_database(
    config: &Config,
    missing: IfMissing,
) -> Result<(SecretString, Option<Postgres>), Error> {
    if let Some(url) = Postgres::running(&config.data_dir) {
        return Ok((url, None));
    }
    if missing == IfMissing::Leave && !Postgres::is_made(&config.data_dir) {
        return Err(Error::NoData(config.data_dir.clone()));
    }
    secrets::make_data_dir(config)?;
    let postgres = Postgres::start(&config.data_dir).await?;
    Ok((postgres.url().clone(), Some(postgres)))
}

/// A connection to the broker, configured or private.
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
        secrets::make_data_dir(config)?;
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

/// The write side, on a database that is up to date.
pub async fn commands(
    config: &Config,
    pool: &PgPool,
    public_url: &Url,
    missing: IfMissing,
) -> Result<Commands, Error> {
    let secrets = secrets::open(config, pool, missing).await?;
    let identity = Identity::try_new(&secrets, public_url)?
        .with_session_idle_days(config.session_idle_days)
        .with_second_factor_for(config.require_second_factor.clone());
    Ok(Commands::new(pool.clone(), Arc::new(projections::ReadModels::default()), identity))
}

/// The context of a command that is given at the command line.
pub fn operator() -> Context {
    Context::system(SystemActor::Operator, RequestId::from_uuid(Uuid::now_v7()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_step_that_the_database_kept_from_succeeding_is_tried_again() {
        let tries = Cell::new(0);

        let outcome = patiently(async || {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(sqlx::Error::PoolTimedOut.into()) } else { Ok(tries.get()) }
        });

        assert_eq!(outcome.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_step_that_cannot_succeed_is_not_tried_again() {
        let tries = Cell::new(0);

        let outcome: Result<(), _> = patiently(async || {
            tries.set(tries.get() + 1);
            Err(Error::Usage("the keys are another database's".to_owned()))
        })
        .await;

        assert!(outcome.is_err());
        assert_eq!(tries.get(), 1);
    }
}
