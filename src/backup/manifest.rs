//! What `backup.json` says.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DUMP, MANIFEST, MEDIA_LIST, at, digest};
use crate::database;
use crate::error::Error;

/// The form of a backup that this program writes, and reads.
const FORMAT: u32 = 1;

/// What a backup is made of, and of what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// When it was begun (RFC 3339).
    pub made_at: String,
    /// The number of the newest migration of the database.
    pub schema: i64,
    /// The server's `server_version_num`.
    pub postgresql: u32,
    /// Where the log ended.
    pub head: Head,
    /// The database's check value of its secrets, in hexadecimal.
    pub secrets_check: String,
    /// The file that has the keys.
    pub keys: String,
    /// How many files the storage had.
    pub media: MediaTotal,
    /// Size and SHA-256 of each file of the backup but the copies of media, which `media.jsonl` lists.
    pub files: BTreeMap<String, BackupFile>,
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The position of the last event.
    pub position: i64,
    /// The last event; `None` where there is none.
    pub event: Option<Uuid>,
}

/// The files of the storage, together.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct MediaTotal {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the backup has copies of them.
    pub copied: bool,
}

/// A file of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Bytes.
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// With what the program says of itself.
    pub(super) const fn format() -> u32 {
        FORMAT
    }

    /// Reads it, and refuses one of a later form or of a newer database.
    pub(super) async fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let bytes = tokio::fs::read(&path).await.map_err(|error| {
            Error::Usage(format!(
                "{}: {error}; name the folder of a finished backup",
                path.display()
            ))
        })?;
        let is_whole = |manifest: &Self| {
            [DUMP, MEDIA_LIST, &manifest.keys].iter().all(|name| manifest.files.contains_key(*name))
        };
        let manifest = serde_json::from_slice(&bytes).ok().filter(is_whole);
        let manifest: Self = manifest.ok_or_else(|| altered(MANIFEST))?;
        manifest.check_version()?;
        Ok(manifest)
    }

    fn check_version(&self) -> Result<(), Error> {
        if self.format > FORMAT || self.schema > database::newest_migration() {
            return Err(Error::Usage(format!(
                "this backup was made by version {} of the program, with a newer database than this \
                 version knows: restore it with that version or a newer one",
                self.program
            )));
        }
        Ok(())
    }

    /// Refuses a backup whose files are not the ones that were written.
    pub(super) async fn check_files(
        &self,
        folder: &Path,
        done: impl Fn(i64, i64),
    ) -> Result<(), Error> {
        let total = self.files.values().map(|part| part.size).sum::<u64>();
        let mut read = 0;
        for (name, expected) in &self.files {
            if !is_plain(name) {
                return Err(altered(MANIFEST));
            }
            let path = folder.join(name);
            let (size, sha256) = digest::of_file(&path).await.map_err(at(&path))?;
            if *expected != (BackupFile { size, sha256 }) {
                return Err(altered(name));
            }
            read += size;
            done(read.cast_signed(), total.cast_signed());
        }
        Ok(())
    }
}

/// Whether a name leads nowhere but below the folder of the backup.
pub(super) fn is_plain(name: &str) -> bool {
    let mut words = name.split('/');
    !name.is_empty() && words.all(|word| !matches!(word, "" | "." | ".."))
}

/// A file of a backup that can't be trusted.
pub(super) fn altered(name: &str) -> Error {
    Error::Usage(format!(
        "{name} of this backup is not what was written (its size or SHA-256 differs): nothing was \
         restored; take another copy of the backup"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_out_of_the_backup_is_none() {
        for name in ["database.dump", "keys/secrets.json", "videos/a.mp4"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
