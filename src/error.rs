//! Why the program ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use commands::CommandError;
use identity::{BindingError, SecretsError};

use crate::config::ConfigError;
use crate::output::PrintError;
use crate::reach::Unreachable;
use crate::{database, embedded, storage};

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
    Unreachable(#[from] Unreachable),
    #[error("no data in {} and DATABASE_URL is unset: set DATABASE_URL, or DATA_DIR to where the data are", .0.display())]
    NoData(PathBuf),
    #[error(
        "a pooler in transaction mode keeps no session, which this takes: set DATABASE_DIRECT_URL to the \
         address of PostgreSQL itself"
    )]
    NoSession,
    #[error(transparent)]
    Print(#[from] PrintError),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error(transparent)]
    Binding(#[from] BindingError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Erasure(commands::ErasureError),
    #[error(transparent)]
    Vault(#[from] identity::VaultError),
    #[error(transparent)]
    Read(#[from] projections::ReadError),
    #[error(transparent)]
    Rebuild(#[from] projections::RebuildError),
    #[error(transparent)]
    Log(#[from] log::LogError),
    #[error(transparent)]
    Mail(#[from] workers::MailSettingsError),
    #[error("no video can be finished here: {0}")]
    Videos(#[from] workers::video::media::Unfit),
    #[error("NATS_URL cannot be used: {0}")]
    Nats(#[from] async_nats::ConnectError),
    #[error("messages of NATS cannot be subscribed to: {0}")]
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

impl From<commands::ErasureError> for Error {
    fn from(error: commands::ErasureError) -> Self {
        match error {
            commands::ErasureError::Storage(source) => storage::Error::from(source).into(),
            other => Self::Erasure(other),
        }
    }
}

impl Error {
    /// Whether the database went away, or is too busy; what can't be reached at all has been waited for.
    pub fn is_outage_of_database(&self) -> bool {
        match self {
            Self::Storage(_) | Self::Unreachable(_) => false,
            Self::Command(CommandError::Unavailable(_)) => true,
            error => commands::is_outage(error),
        }
    }
}
