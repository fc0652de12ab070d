use std::error::Error;
use std::time::Duration;

use crate::vault::VaultError;

/// Why a person could not be recognised, or a secret not be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Too many wait to have a password hashed: try again later.
    #[error("too busy")]
    Busy,
    /// Too many failed tries.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When the next try counts.
        retry_after: Duration,
    },
    /// The database refused.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The program failed.
    #[error("{0}")]
    Fault(#[source] Box<dyn Error + Send + Sync>),
}

impl IdentityError {
    pub(crate) fn fault(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Fault(Box::new(error))
    }
}
