//! Making a backup.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use time::format_description::well_known::Rfc3339;

use super::database::Snapshot;
use super::manifest::{BackupFile, Manifest, MediaTotal};
use super::tool::Tool;
use super::{DUMP, Lock, MANIFEST, MEDIA_LIST, at, digest, media, or_interrupted};
use crate::config::Config;
use crate::error::Error;
use crate::parts::Database;
use crate::progress::Progress;
use crate::storage;

/// What a backup is to have besides the database.
pub struct Wanted {
    /// How the keys are encrypted.
    pub lock: Lock,
    /// Copies of the storage's files.
    pub media: bool,
}

/// Backs everything up into a new folder.
pub async fn make(config: &Config, folder: &Path, wanted: &Wanted) -> Result<Manifest, Error> {
    let target = Target::prepare(folder)?;
    let database = Database::open_session(config, identity::IfMissing::Leave).await?;
    let made = or_interrupted(into(config, &database, target.path(), wanted)).await;
    database.close().await;
    let manifest = made?;
    target.finish()?;
    Ok(manifest)
}

async fn into(
    config: &Config,
    database: &Database,
    folder: &Path,
    wanted: &Wanted,
) -> Result<Manifest, Error> {
    let storage = storage::open_existing(config).await?.store;
    let made_at = identity::clock::now().format(&Rfc3339).unwrap_or_default();
    let snapshot = Snapshot::take(&database.pool).await?;
    dump(config, database, &snapshot, folder).await?;
    // After the dump: it has the key that wraps whatever was wrapped by then.
    write_keys(config, &snapshot.check, folder, &wanted.lock)?;
    let progress = Progress::new(config.log_format, "listing the files of the storage");
    let seen = |files| progress.at(files, files + 1);
    let media = media::write(&database.pool, &storage, folder, wanted.media, seen).await?;
    drop(progress);
    let manifest = manifest(&snapshot, made_at, folder, &wanted.lock, media).await?;
    snapshot.release().await?;
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::from);
    let path = folder.join(MANIFEST);
    let written = bytes.and_then(|bytes| write_durably(&path, &bytes));
    written.map_err(at(&path))?;
    Ok(manifest)
}

async fn dump(
    config: &Config,
    database: &Database,
    snapshot: &Snapshot,
    folder: &Path,
) -> Result<(), Error> {
    let tool = Tool::find("pg_dump", snapshot.server, database.url())?;
    let mut file = OsString::from("--file=");
    file.push(folder.join(DUMP));
    let snapshot_id = OsString::from(format!("--snapshot={}", snapshot.id));
    let usual =
        ["--format=custom", "--no-owner", "--no-privileges", "--verbose"].map(OsString::from);
    let arguments = [usual.as_slice(), &[snapshot_id, file]].concat();
    let progress = Progress::new(config.log_format, "dumping the tables");
    let mut tables = 0;
    let each = |line: &str| {
        if line.contains("dumping contents of table") {
            tables += 1;
            progress.at(tables, snapshot.tables.max(tables));
        }
    };
    tool.run(&arguments, each).await
}

fn write_keys(config: &Config, check: &[u8], folder: &Path, lock: &Lock) -> Result<(), Error> {
    let file = &config.secrets_file;
    let secrets = fs::read(file).map_err(at(file))?;
    if !identity::secrets_belong(&secrets, check) {
        let text = format!(
            "SECRETS_FILE {} has changed while it was backed up: try again",
            file.display()
        );
        return Err(Error::Usage(text));
    }
    let path = folder.join(lock.name());
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(at(parent))?;
    write_durably(&path, &lock.seal(&secrets)?).map_err(at(&path))
}

async fn manifest(
    snapshot: &Snapshot,
    made_at: String,
    folder: &Path,
    lock: &Lock,
    media: MediaTotal,
) -> Result<Manifest, Error> {
    let mut files = BTreeMap::new();
    for name in [DUMP, MEDIA_LIST, lock.name()] {
        let path = folder.join(name);
        let (size, sha256) = digest::of_file(&path).await.map_err(at(&path))?;
        files.insert(name.to_owned(), BackupFile { size, sha256 });
    }
    Ok(Manifest {
        format: Manifest::format(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        schema: snapshot.schema,
        postgresql: snapshot.server,
        head: snapshot.head.clone(),
        secrets_check: hex::encode(&snapshot.check),
        keys: lock.name().to_owned(),
        media,
        files,
    })
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::write(path, bytes)?;
    fs::File::open(path)?.sync_all()
}

/// A folder that gets its name once it is whole; dropped before that, it is gone.
struct Target {
    folder: PathBuf,
    unfinished: TempDir,
}

impl Target {
    /// `folder` is new, or empty.
    fn prepare(folder: &Path) -> Result<Self, Error> {
        match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(at(folder)(error)),
            Ok(false) => {
                let folder = folder.display();
                let text = format!("{folder} is not empty: name a new folder, or an empty one");
                return Err(Error::Usage(text));
            }
        }
        let absolute = std::path::absolute(folder).map_err(at(folder))?;
        let Some((parent, name)) = absolute.parent().zip(absolute.file_name()) else {
            let text = format!("{} can't be a backup: name a new folder", folder.display());
            return Err(Error::Usage(text));
        };
        fs::create_dir_all(parent).map_err(at(parent))?;
        let prefix = format!(".{}.unfinished-", name.to_string_lossy());
        let unfinished = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent);
        Ok(Self { unfinished: unfinished.map_err(at(parent))?, folder: absolute })
    }

    fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Lasting, names included, before it has the name.
    fn finish(self) -> Result<(), Error> {
        let Self { folder, unfinished } = self;
        sync_folders(unfinished.path()).map_err(at(unfinished.path()))?;
        fs::rename(unfinished.path(), &folder).map_err(at(&folder))?;
        // It has another name now.
        let _ = unfinished.keep();
        let parent = folder.parent().unwrap_or(&folder);
        fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(at(parent))
    }
}

fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    fs::File::open(folder)?.sync_all()
}
