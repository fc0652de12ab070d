use std::time::Duration;

use domain::{FieldErrors, Refusal, RefusalKind};
use identity::IdentityError;
use log::LogError;
use secrecy::SecretString;

use crate::data_error::{is_data_error, refused_value};
use crate::outage::is_outage;
use crate::store::{Reservation, StoreError};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The stream is not at the version that the client saw.
    #[error("the version is {current} by now")]
    VersionMismatch {
        /// Where it is.
        current: i64,
    },
    /// A name is held by somebody else.
    #[error("{0:?} is taken")]
    Taken(Reservation),
    /// The race for the stream was lost too often.
    #[error("others kept changing the same thing")]
    Conflict,
    /// Too much to do: try again later.
    #[error("too busy")]
    Busy,
    /// The database is down, or the program is stopping: it passes by itself. For the log.
    #[error("{0}")]
    Unavailable(String),
    /// Too many failed tries.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When the next try counts.
        retry_after: Duration,
    },
    /// The caller is not authenticated.
    #[error("{detail}")]
    Unauthorized {
        /// Stable, snake_case.
        code: &'static str,
        /// One sentence that a person can act on.
        detail: &'static str,
    },
    /// The password is right; a code is needed besides.
    #[error("a code of the second factor is needed")]
    SecondFactorRequired {
        /// To be sent back with the code.
        challenge: SecretString,
    },
    /// The caller is not allowed to.
    #[error("{detail}")]
    Forbidden {
        /// Stable, snake_case.
        code: &'static str,
        /// One sentence that a person can act on.
        detail: &'static str,
    },
    /// The database or the program failed; for the log, not for the client.
    #[error("{0}")]
    Fault(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CommandError {
    /// The token authenticates nobody, or nobody any more.
    pub(crate) const INVALID_TOKEN: Self = Self::Unauthorized {
        code: "invalid_token",
        detail: "The token is invalid or has expired: sign in again, or refresh it.",
    };

    /// Wrong input, found outside the aggregates.
    pub(crate) fn invalid(code: &'static str, detail: &str, errors: FieldErrors) -> Self {
        Self::Refused(Refusal {
            kind: RefusalKind::Invalid(errors),
            code,
            detail: detail.to_owned(),
        })
    }

    /// One wrong field.
    pub(crate) fn field(field: &str, message: &str) -> Self {
        Self::from(FieldErrors::one(field, message))
    }

    /// The program failed.
    pub(crate) fn fault(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Fault(Box::new(error))
    }
}

impl From<FieldErrors> for CommandError {
    fn from(errors: FieldErrors) -> Self {
        Self::Refused(errors.into())
    }
}

impl From<sqlx::Error> for CommandError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            passing if is_outage(&passing) => Self::Unavailable(passing.to_string()),
            sqlx::Error::Database(refused) if is_data_error(&*refused) => {
                Self::Refused(refused_value(&*refused))
            }
            other => Self::fault(other),
        }
    }
}

impl From<IdentityError> for CommandError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Busy => Self::Busy,
            IdentityError::TooManyAttempts { retry_after } => Self::TooManyAttempts { retry_after },
            IdentityError::Database(error) => error.into(),
            IdentityError::Vault(error) => Self::fault(error),
            IdentityError::Fault(error) => Self::Fault(error),
        }
    }
}

impl From<LogError> for CommandError {
    fn from(error: LogError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Taken(reservation) => Self::Taken(reservation),
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Busy => Self::Busy,
            StoreError::Erased => Self::INVALID_TOKEN,
            error @ (StoreError::Unavailable(_) | StoreError::Stopped) => {
                Self::Unavailable(error.to_string())
            }
            StoreError::Database(error) | StoreError::Log(LogError::Database(error)) => {
                error.into()
            }
            error @ (StoreError::Failed(_)
            | StoreError::Log(_)
            | StoreError::Projection(_)
            | StoreError::Vault(_)) => Self::fault(error),
        }
    }
}
