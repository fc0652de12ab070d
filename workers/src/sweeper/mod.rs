//! What nobody needs any more is removed: expired uploads, files in storage that neither a product
//! nor an upload refers to, and mails of persons who were erased.
//!
//! Nothing is removed that somebody may be writing: a file has to be old, and what an upload or a
//! video under a lease is made of stays, however old it is.

mod database;
mod mails;
mod temporary;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use commands::media;
use domain::UploadId;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use pool::PgPool;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::named_lease::NamedLease;
use crate::supervise::Fault;

/// Its name among leases and tasks.
pub(crate) const NAME: &str = "sweeper";
/// How often it is swept, by one process of all.
const EVERY: Duration = Duration::from_hours(1);
/// How often it is looked whether another process has stopped doing so.
const LOOK: Duration = Duration::from_mins(1);
/// Longer than a request, or the work on a video, takes.
const AGE: Duration = Duration::from_hours(24);
/// Files judged together.
const PAGE: usize = 500;

/// Removes what nobody needs.
#[derive(Clone)]
pub struct Sweeper {
    pool: PgPool,
    media: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
    mails: PathBuf,
}

/// How many files were removed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Swept {
    /// Parts of uploads that have expired.
    pub expired: u64,
    /// What nothing referred to.
    pub orphans: u64,
    /// What a process that died was writing.
    pub temporary: u64,
    /// Mails of persons who were erased, on this machine.
    pub mails: u64,
}

/// Why it was not swept to the end.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Files could not be listed or removed.
    #[error("storage: {0}")]
    Storage(#[from] object_store::Error),
    /// PostgreSQL.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The folder of this machine.
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
}

impl Sweeper {
    /// `folder` is where `media` is, if it is on this machine; `mails` is where mails become files.
    pub fn new(
        pool: PgPool,
        media: Arc<dyn ObjectStore>,
        folder: Option<PathBuf>,
        mails: PathBuf,
    ) -> Self {
        Self { pool, media, folder, mails }
    }

    /// Sweeps whenever it is time to, until the program ends. Mails are on each machine, and each
    /// process sees to its own.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Fault> {
        let lease = NamedLease::new(self.pool.clone(), NAME, EVERY);
        let mut looked: Option<Instant> = None;
        while !stop.is_cancelled() {
            if looked.is_none_or(|looked| looked.elapsed() >= EVERY) {
                self.erased_mails().await.map_err(Fault::passing)?;
                looked = Some(Instant::now());
            }
            let is_ours = lease.take().await?.is_some();
            if is_ours {
                tokio::select! {
                    swept = self.sweep(AGE) => swept.map(drop).map_err(Fault::passing)?,
                    () = stop.cancelled() => break,
                }
            }
            let pause = if is_ours { EVERY } else { LOOK };
            let _ = tokio::time::timeout(pause, stop.cancelled()).await;
        }
        Ok(())
    }

    /// Sweeps once. Files that are younger than `age` stay, unless they are of an expired upload.
    pub async fn sweep(&self, age: Duration) -> Result<Swept, SweepError> {
        let mut swept = Swept::default();
        loop {
            let keys = database::expired(&self.pool).await?;
            if keys.is_empty() {
                break;
            }
            swept.expired += self.remove("expired", keys).await?;
        }
        database::forget(&self.pool).await?;
        let before = SystemTime::now() - age;
        for folder in media::FOLDERS {
            swept.orphans += self.orphans(folder, before).await?;
        }
        if let Some(folder) = self.folder.clone() {
            let removed = tokio::task::spawn_blocking(move || temporary::remove(&folder, before));
            swept.temporary = removed.await.map_err(std::io::Error::other)??;
            count("temporary", swept.temporary);
        }
        swept.mails = self.erased_mails().await?;
        Ok(swept)
    }

    async fn erased_mails(&self) -> Result<u64, SweepError> {
        let removed = mails::remove(&self.pool, &self.mails).await?;
        count("mail", removed);
        Ok(removed)
    }

    async fn orphans(&self, folder: &str, before: SystemTime) -> Result<u64, SweepError> {
        let old = |file: &ObjectMeta| SystemTime::from(file.last_modified) <= before;
        let files = self.media.list(Some(&Path::from(folder)));
        let files = files.try_filter(|file| std::future::ready(old(file)));
        let mut pages = files.map_ok(|file| file.location.to_string()).try_chunks(PAGE).boxed();
        let mut removed = 0;
        while let Some(page) = pages.next().await {
            let keys = page.map_err(|error| error.1)?;
            let keys: Vec<_> =
                keys.into_iter().filter_map(|key| Some((upload_of(&key)?, key))).collect();
            let orphans = database::orphans(&self.pool, &keys).await?;
            removed += self.remove("orphan", orphans).await?;
        }
        Ok(removed)
    }

    async fn remove(&self, kind: &'static str, keys: Vec<String>) -> Result<u64, SweepError> {
        let mut removed = 0;
        for key in keys {
            match self.media.delete(&Path::from(key)).await {
                Ok(()) => removed += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        count(kind, removed);
        Ok(removed)
    }
}

fn count(kind: &'static str, removed: u64) {
    metrics::counter!("vetted_sweeper_removed_files_total", "kind" => kind).increment(removed);
}

/// The upload that a file belongs to; what names none is not ours.
fn upload_of(key: &str) -> Option<UploadId> {
    let mut words = key.split('/').map(|word| word.split('.').next().unwrap_or_default());
    words.find_map(|word| (word.len() == 36).then(|| word.parse().ok()).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_says_which_upload_it_belongs_to() {
        let upload = UploadId::from_uuid(uuid::Uuid::from_u128(7));
        let result = media::video(upload, "video/mp4");
        for key in [
            media::part(upload, 5, 1),
            media::original(upload),
            media::poster(upload),
            media::sprite(upload),
            media::thumbnails(upload),
            format!("{}/3/{result}", media::UNFINISHED),
            result,
        ] {
            assert_eq!(upload_of(&key), Some(upload), "{key}");
            assert!(media::FOLDERS.contains(&key.split('/').next().unwrap()), "{key}");
        }
        assert_eq!(upload_of("videos/holiday.mp4"), None);
    }
}
