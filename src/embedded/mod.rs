//! A private PostgreSQL and a private NATS server, for when no address of one is set.
//!
//! Both are the real programs, with `fsync` on, as children that never outlive this process.
//! As root they run as an ordinary account, since PostgreSQL refuses to run as root.

mod client;
mod home;
mod launch;
mod lock;
mod nats;
mod postgres;
mod process;
mod supervisor;

use std::io;
use std::path::{Path, PathBuf};

pub use client::client_program;
pub use home::temporary_dir;
pub use nats::Nats;
pub use postgres::{Postgres, SERVING_ROLE, serving};

/// Why an embedded service is not running; the text is meant for the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that has to be installed is not.
    #[error("{program} is not installed: run scripts/install, or set {variable}")]
    Missing { program: String, variable: &'static str },
    /// A client program of PostgreSQL's that has to be installed is not, or is too old.
    #[error(
        "{program} of PostgreSQL {version} or later is not installed: install postgresql-client-{version}, or set PG_BIN to the folder that has it"
    )]
    Client { program: &'static str, version: u32 },
    /// Another program serves from this folder.
    #[error("another vetted already uses {}: stop it, or set another DATA_DIR", .0.display())]
    InUse(PathBuf),
    /// The folder was made by another version of PostgreSQL.
    #[error("{} was made by PostgreSQL {version}, which is not installed: install postgresql-{version}, or set another DATA_DIR", path.display())]
    Version { path: PathBuf, version: String },
    /// What a link points to is no more.
    #[error("{} points to {}, which is gone: put that folder back, or remove the link to start empty", link.display(), target.display())]
    Gone { link: PathBuf, target: PathBuf },
    /// The account that has to read the folder cannot.
    #[error("{} cannot be reached by the account that owns it: open the folders above it, or set another DATA_DIR", .0.display())]
    Unreachable(PathBuf),
    /// A folder that others could have prepared.
    #[error("{} belongs to someone else: remove it, or set a shorter DATA_DIR", .0.display())]
    Foreign(PathBuf),
    /// The program ended, or never became ready.
    #[error("{service} did not start: {reason}; see {}", log.display())]
    NotReady { service: &'static str, reason: String, log: PathBuf },
    /// The service answers with an error.
    #[error("{service} started, but cannot be used: {reason}")]
    Unusable { service: &'static str, reason: String },
    /// The system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

/// What the embedded services return.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done to which path when the system refused.
trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

/// Runs blocking work on a thread that lives until it is done.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Error::Io {
            action: "start",
            path: PathBuf::from("a thread"),
            source: io::Error::other(error),
        }),
    }
}

#[cfg(test)]
mod tests;
