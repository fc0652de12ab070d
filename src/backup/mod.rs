//! Backups: a folder with a dump of the database, a list of the storage's files, the keys apart from both, and
//! `backup.json`, which says what belongs to it and has everything's SHA-256.
//!
//! A backup is written under another name and renamed at its end, so what has the name is whole. A restore
//! checks all of it before it touches anything, and fills only a database without events.

mod database;
mod digest;
mod keys;
mod make;
mod manifest;
mod media;
mod read;
mod restore;
mod tool;

use std::future::Future;
use std::io;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

pub use keys::{Lock, Unlock};
pub use make::{Wanted, make};
pub use restore::{Restored, restore};

use crate::error::Error;

/// The dump, as `pg_dump --format=custom` makes it.
const DUMP: &str = "database.dump";
/// The storage's files, one JSON object a line.
const MEDIA_LIST: &str = "media.jsonl";
/// Copies of the storage's files, if they were asked for.
const MEDIA: &str = "media";
/// What says what the backup is made of; written last.
const MANIFEST: &str = "backup.json";

/// Does the work, unless a signal ends it: then it is dropped, and cleared up after as after any other failure.
async fn or_interrupted<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let failed = |source| Error::Io { what: "handling signals", source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let interrupted = || Err(Error::Usage("it was interrupted by a signal".to_owned()));
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => interrupted(),
        _ = terminate.recv() => interrupted(),
        _ = hang_up.recv() => interrupted(),
    }
}

/// Names the file that the system refused something about.
fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.display().to_string();
    move |error| Error::Usage(format!("{path}: {error}"))
}
