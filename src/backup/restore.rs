//! Restoring a backup.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use identity::IfMissing;
use identity::Vault;
use object_store::ObjectStore;
use pool::PgPool;
use projections::Drift;

use super::manifest::{Head, Manifest, altered};
use super::media::File;
use super::tool::Tool;
use super::{DUMP, Unlock, at, database, keys, or_interrupted, read};
use crate::config::Config;
use crate::error::Error;
use crate::parts::{self, Database};
use crate::progress::Progress;
use crate::{erasures, read_models, secrets, storage};

/// What came of a restore.
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// Persons who were erased since the backup, and were erased again.
    pub erased: u64,
    /// Files of the storage that the backup lists, and that are missing.
    pub missing: u64,
    /// The first of them.
    pub first_missing: Vec<File>,
    /// Read models that are not what the log says; `None` where nobody has looked.
    pub drift: Option<Vec<Drift>>,
}

/// A backup that was checked, with its keys.
struct Checked<'a> {
    folder: &'a Path,
    manifest: Manifest,
    check: Vec<u8>,
    secrets: Vec<u8>,
}

/// Restores a backup into an empty database. Nothing is touched before all of it was checked.
pub async fn restore(
    config: &Config,
    folder: &Path,
    unlock: &Unlock,
    verify: bool,
) -> Result<Restored, Error> {
    let checked = or_interrupted(Checked::read(config, folder, unlock)).await?;
    // Before anything below it is made, for its mode.
    secrets::make_data_dir(config)?;
    let storage = storage::open(config).await?.store;
    let database = Database::open_owner_unchecked(config, IfMissing::Create).await?;
    let restored = async {
        let missing = checked.fill(config, &database, &storage).await?;
        let finish = checked.finish(config, &database.pool, &storage, missing, verify);
        let finished = or_interrupted(finish).await;
        finished
            .map_err(|error| Error::Usage(format!("the database is restored; what comes after it was not done, and the next start does it: {error}")))
    };
    let restored = restored.await;
    database.close().await;
    restored
}

/// Refuses a secrets file that was there and has been rotated too often since the backup.
async fn check_wrapping(config: &Config, pool: &PgPool) -> Result<(), Error> {
    let opened = secrets::open(config, pool, IfMissing::Leave).await?;
    let missing = Vault::try_new(pool.clone(), &opened)?.missing_wrapping_key().await?;
    missing.map_or(Ok(()), |_| {
        Err(Error::Usage(format!(
            "SECRETS_FILE {} was rotated since this backup and lacks a key that wraps persons' keys in it: move \
             the file away, and restore again to have the backup's own put there",
            config.secrets_file.display()
        )))
    })
}

impl<'a> Checked<'a> {
    async fn read(config: &Config, folder: &'a Path, unlock: &Unlock) -> Result<Self, Error> {
        let manifest = Manifest::read(folder).await?;
        let progress = Progress::new(config.log_format, "checking the backup");
        manifest.check_files(folder, |done, total| progress.at(done, total)).await?;
        drop(progress);
        let progress = Progress::new(config.log_format, "checking the copies of files");
        read::check_copies(&manifest, folder, |done, total| progress.at(done, total)).await?;
        drop(progress);
        let path = folder.join(&manifest.keys);
        let secrets = unlock.open(&manifest.keys, fs::read(&path).map_err(at(&path))?)?;
        let check = hex::decode(&manifest.secrets_check).unwrap_or_default();
        keys::check_belong(&secrets, &check)?;
        keys::is_missing(&config.secrets_file, &check)?;
        Ok(Self { folder, manifest, check, secrets })
    }

    /// Puts files back that are missing, fills the database and writes the secrets file. Where it fails there is no
    /// database, so that it can be done again; files stay.
    async fn fill(
        &self,
        config: &Config,
        database: &Database,
        storage: &Arc<dyn ObjectStore>,
    ) -> Result<read::MissingFiles, Error> {
        let pool = &database.pool;
        let server = database::server_version(pool).await?;
        let tool = Tool::find("pg_restore", server, database.url())?;
        database::make_room(pool).await?;
        let missing = or_interrupted(self.put_back(config, storage)).await?;
        self.restore_dump(config, &tool).await?;
        let is_missing = keys::is_missing(&config.secrets_file, &self.check)?;
        let taken = or_interrupted(self.take_over(config, pool, is_missing)).await;
        if taken.is_err() {
            if is_missing {
                // It may not have been written.
                let _ = fs::remove_file(&config.secrets_file);
            }
            database::clear(pool).await?;
        }
        taken.map(|()| missing)
    }

    async fn put_back(
        &self,
        config: &Config,
        storage: &Arc<dyn ObjectStore>,
    ) -> Result<read::MissingFiles, Error> {
        let progress = Progress::new(config.log_format, "comparing the files of the storage");
        let at = |done, total| progress.at(done, total);
        read::put_back(&self.manifest, self.folder, storage, at).await
    }

    /// In one transaction: where it fails, nothing has changed.
    async fn restore_dump(&self, config: &Config, tool: &Tool) -> Result<(), Error> {
        let mut name = OsString::from("--dbname=");
        name.push(tool.database());
        let usual = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
        let usual = usual.map(OsString::from);
        let rest = [OsString::from("--verbose"), name, self.folder.join(DUMP).into()];
        let progress = Progress::new(config.log_format, "restoring the database");
        let mut done = 0;
        let each = |_: &str| {
            done += 1;
            progress.at(done, done + 1);
        };
        or_interrupted(tool.run(&[usual.as_slice(), &rest].concat(), each)).await
    }

    async fn take_over(
        &self,
        config: &Config,
        pool: &PgPool,
        is_missing: bool,
    ) -> Result<(), Error> {
        self.check_log(&database::head(pool).await?)?;
        if database::secrets_check(pool).await?.as_ref() != Some(&self.check) {
            return Err(altered(DUMP));
        }
        if is_missing {
            keys::write(&config.secrets_file, &self.secrets)?;
        }
        check_wrapping(config, pool).await?;
        read_models::bring_up_to_date(config, pool).await
    }

    fn check_log(&self, head: &Head) -> Result<(), Error> {
        if *head == self.manifest.head {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the dump of this backup ends at position {} of the log, and the backup says {}: nothing was \
             restored; take another copy of the backup",
            head.position, self.manifest.head.position
        )))
    }

    /// What the database and the storage do not know of each other, and whether all is as the log says.
    async fn finish(
        &self,
        config: &Config,
        pool: &PgPool,
        storage: &Arc<dyn ObjectStore>,
        missing: read::MissingFiles,
        verify: bool,
    ) -> Result<Restored, Error> {
        let commands = parts::commands(config, pool, &config.public_url, IfMissing::Leave).await?;
        let erased = erasures::apply(config, &commands, storage).await?;
        let drift = if verify { Some(read_models::drifts(config, pool).await?) } else { None };
        Ok(Restored {
            manifest: self.manifest.clone(),
            erased,
            missing: missing.count,
            first_missing: missing.first,
            drift,
        })
    }
}
