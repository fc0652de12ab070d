//! What can go wrong on the read side.

use log::{BoxedError, LogError};

use crate::CursorError;

/// A batch of events could not be folded into a table.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database refused.
    #[error("the read model {table} cannot be kept: {source}")]
    Database {
        /// Which table.
        table: &'static str,
        /// What the driver says.
        source: sqlx::Error,
    },
    /// A row has no JSON form; a fault of this program.
    #[error("a row of {table} cannot be written as JSON: {source}")]
    Json {
        /// Which table.
        table: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// A query had no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cursor is not one for this list: the client's fault.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Personal data could not be opened.
    #[error("personal data in the log cannot be opened: {0}")]
    Personal(BoxedError),
    /// The database refused.
    #[error("the read model cannot be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// A rebuild or a verification stopped; what served before still serves.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// No such read model.
    #[error("there is no read model {name}: one of {known} is expected")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Another process is doing it.
    #[error("another rebuild is running: wait for it to end")]
    Running,
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Personal data could not be opened.
    #[error("personal data in the log cannot be opened: {0}")]
    Personal(BoxedError),
    /// A batch could not be folded.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
}
