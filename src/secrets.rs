//! The keys that this database belongs to, and the refusal of all others.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use identity::{IfMissing, Secrets};
use pool::PgPool;

use crate::config::Config;
use crate::error::Error;
use crate::private;

/// Permissions of accounts other than this program's, and of its group beyond reading.
const OF_OTHERS: u32 = 0o027;

/// Refuses a `SECRETS_FILE` that is not this database's.
pub async fn compare(config: &Config, pool: &PgPool) -> Result<(), Error> {
    Ok(identity::compare(pool, &config.secrets_file).await?)
}

/// The keys of this database, unless others may have read them. A file is made only with
/// [`IfMissing::Create`], and for a database without events.
pub async fn open(config: &Config, pool: &PgPool, missing: IfMissing) -> Result<Secrets, Error> {
    let file = &config.secrets_file;
    refuse_open_to_others(file)?;
    if missing == IfMissing::Create && file.parent() == Some(&config.data_dir) {
        make_data_dir(config)?;
    }
    Ok(identity::secrets_of(pool, file, missing).await?)
}

fn refuse_open_to_others(file: &Path) -> Result<(), Error> {
    let mode = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Io { what: "looking at SECRETS_FILE", source }),
        Ok(data) => data.mode(),
    };
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "SECRETS_FILE {} may be read or changed by others (mode {:03o}): they may know its keys. \
         Run `chmod 600` on it where they do not.",
        file.display(),
        mode & 0o777
    )))
}

/// Makes `DATA_DIR` where there is none.
pub fn make_data_dir(config: &Config) -> Result<(), Error> {
    let what = "making DATA_DIR";
    private::make_data_dir(&config.data_dir).map_err(|source| Error::Io { what, source })
}
