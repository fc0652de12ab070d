//! `vetted backup` and `vetted restore`: everything in a folder, and back.

use std::io::stdin;
use std::path::PathBuf;
use std::process::ExitCode;

use age::x25519::Recipient;
use secrecy::SecretString;
use serde_json::json;

use super::projections;
use crate::backup::{self, Lock, Restored, Unlock, Wanted};
use crate::config::Config;
use crate::error::Error;
use crate::output;

/// IfMissing files that are printed for people.
const SHOWN: usize = 20;

/// Where to, and with what.
#[derive(clap::Args)]
pub struct Backup {
    /// A new folder, or an empty one
    folder: PathBuf,
    /// Copy the files of the storage too, instead of listing them only
    #[arg(long)]
    media: bool,
    /// Encrypt the keys for this recipient of age (age1…)
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "passphrase_stdin", value_parser = recipient)]
    encrypt_to: Option<Recipient>,
    /// Encrypt the keys by a passphrase, the first line of standard input
    #[arg(long)]
    passphrase_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which backup to restore, and how.
#[derive(clap::Args)]
pub struct Restore {
    /// The folder of a backup
    folder: PathBuf,
    /// Decrypt the keys by the identities of age in this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_stdin")]
    identity: Option<PathBuf>,
    /// Decrypt the keys by a passphrase, the first line of standard input
    #[arg(long)]
    passphrase_stdin: bool,
    /// Do not compare the read models with the event log at the end
    #[arg(long)]
    no_verify: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn recipient(text: &str) -> Result<Recipient, String> {
    text.parse().map_err(|_| "a recipient of age, which begins with age1, is expected".to_owned())
}

fn passphrase() -> Result<SecretString, Error> {
    let mut line = String::new();
    let what = "reading the passphrase";
    stdin().read_line(&mut line).map_err(|source| Error::Io { what, source })?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        let text = "--passphrase-stdin: the first line of standard input is empty: a passphrase is expected";
        return Err(Error::Usage(text.to_owned()));
    }
    Ok(line.to_owned().into())
}

/// Makes a backup.
pub async fn make(config: &Config, backup: Backup) -> Result<(), Error> {
    let lock = match backup.encrypt_to {
        Some(recipient) => Lock::Recipient(recipient),
        None if backup.passphrase_stdin => Lock::Passphrase(passphrase()?),
        None => Lock::None,
    };
    let wanted = Wanted { lock, media: backup.media };
    let made = backup::make(config, &backup.folder, &wanted).await?;
    let files = if made.media.copied { "copied" } else { "listed, not copied" };
    let keys = match wanted.lock {
        Lock::None => "The keys in keys/ are in clear: keep them apart from the rest.",
        Lock::Recipient(_) | Lock::Passphrase(_) => "The keys in keys/ are encrypted.",
    };
    let line = format!(
        "Backed up the log up to position {} to {}; {} files of the storage are {files}. {keys}",
        made.head.position,
        backup.folder.display(),
        made.media.files
    );
    super::tell(backup.json, &made, &line)
}

/// Restores a backup; exit code 1 where a read model is not what the log says.
pub async fn restore(config: &Config, restore: &Restore) -> Result<ExitCode, Error> {
    let unlock = match &restore.identity {
        Some(file) => Unlock::Identities(file.clone()),
        None if restore.passphrase_stdin => Unlock::Passphrase(passphrase()?),
        None => Unlock::None,
    };
    let restored = backup::restore(config, &restore.folder, &unlock, !restore.no_verify).await?;
    if restore.json {
        output::json(&json!({
            "backup": restored.manifest,
            "erased_again": restored.erased,
            "missing": { "files": restored.missing, "first": restored.first_missing },
            "drift": restored.drift.as_deref().map(projections::drift_json),
        }))?;
    } else {
        tell(&restored)?;
    }
    let is_as_the_log_says = restored.drift.is_none_or(|drift| drift.is_empty());
    Ok(if is_as_the_log_says { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(restored: &Restored) -> Result<(), Error> {
    let (made_at, head) = (&restored.manifest.made_at, restored.manifest.head.position);
    output::line(&format!("Restored the backup of {made_at}, the log up to position {head}."))?;
    if restored.erased > 0 {
        let count = restored.erased;
        output::line(&format!("Erased {count} persons again who were erased since."))?;
    }
    if restored.missing > 0 {
        output::line(&format!("The storage lacks {} files of the backup:", restored.missing))?;
    }
    for file in restored.first_missing.iter().take(SHOWN) {
        output::line(&format!("  {} ({} bytes)", file.name, file.size))?;
    }
    if restored.missing > SHOWN as u64 {
        output::line("  … (--json names 1,000 of them, and media.jsonl of the backup all)")?;
    }
    restored.drift.as_deref().map_or(Ok(()), projections::tell_drift)
}
