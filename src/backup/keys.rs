//! The secrets file in a backup: apart from the dump, and encrypted where that is asked for, in the format of
//! age (age-encryption.org/v1).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use age::{scrypt, x25519};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use super::at;
use crate::error::Error;

/// The name of the keys in clear.
const CLEAR: &str = "keys/secrets.json";
/// The name of the keys when they are encrypted.
const ENCRYPTED: &str = "keys/secrets.json.age";
/// The most work that a passphrase's key may take to derive (2^22, some seconds): the machine that encrypts may
/// be faster than the one that decrypts.
const MOST_WORK: u8 = 22;

/// How the keys are encrypted.
pub enum Lock {
    /// Not at all.
    None,
    /// For the holder of an identity of age.
    Recipient(x25519::Recipient),
    /// By a passphrase.
    Passphrase(SecretString),
}

/// What the keys are decrypted by.
pub enum Unlock {
    /// They are expected in clear.
    None,
    /// A file with identities of age.
    Identities(PathBuf),
    /// A passphrase.
    Passphrase(SecretString),
}

impl Lock {
    /// What the file in the backup is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::None => CLEAR,
            Self::Recipient(_) | Self::Passphrase(_) => ENCRYPTED,
        }
    }

    /// What stands in it.
    pub(super) fn seal(&self, secrets: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = match self {
            Self::None => return Ok(secrets.to_owned()),
            Self::Recipient(recipient) => age::encrypt(recipient, secrets),
            Self::Passphrase(passphrase) => {
                age::encrypt(&scrypt::Recipient::new(of_age(passphrase)), secrets)
            }
        };
        sealed.map_err(|error| Error::Usage(format!("the keys cannot be encrypted: {error}")))
    }
}

impl Unlock {
    /// The secrets file that a backup has.
    pub(super) fn open(&self, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let usage = |text: &str| Error::Usage(text.to_owned());
        if name == CLEAR {
            return Ok(bytes);
        }
        match self {
            Self::None => Err(usage(
                "the keys of this backup are encrypted: give --identity FILE, or --passphrase-stdin and \
                 the passphrase on standard input",
            )),
            Self::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(of_age(passphrase));
                identity.set_max_work_factor(MOST_WORK);
                age::decrypt(&identity, &bytes)
                    .map_err(|_| usage("this passphrase does not decrypt the keys of this backup"))
            }
            Self::Identities(file) => {
                let opened = identities(file)?.find_map(|key| age::decrypt(&key, &bytes).ok());
                opened.ok_or_else(|| {
                    Error::Usage(format!(
                        "no identity in {} decrypts the keys of this backup",
                        file.display()
                    ))
                })
            }
        }
    }
}

/// The identities in a file such as age-keygen writes.
fn identities(file: &Path) -> Result<impl Iterator<Item = x25519::Identity> + use<>, Error> {
    let text = fs::read_to_string(file).map_err(at(file))?;
    let found: Vec<_> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    if found.is_empty() {
        let what = "it has no line that begins with AGE-SECRET-KEY-1";
        return Err(Error::Usage(format!("{}: {what}", file.display())));
    }
    Ok(found.into_iter())
}

fn of_age(passphrase: &SecretString) -> age::secrecy::SecretString {
    passphrase.expose_secret().to_owned().into()
}

/// Refuses keys that are not those of a database with this check value.
pub(super) fn check_belong(secrets: &[u8], check: &[u8]) -> Result<(), Error> {
    if identity::secrets_belong(secrets, check) {
        return Ok(());
    }
    let text = "the keys of this backup are not those of its database: nothing was restored; take another \
                copy of the backup";
    Err(Error::Usage(text.to_owned()))
}

/// Whether the secrets file has to be written. One with other keys is refused.
pub(super) fn is_missing(file: &Path, check: &[u8]) -> Result<bool, Error> {
    match fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(at(file)(error)),
        Ok(present) if identity::secrets_belong(&present, check) => Ok(false),
        Ok(_) => Err(Error::Usage(format!(
            "SECRETS_FILE {} has other keys than this backup: move it away, or set SECRETS_FILE to where \
             the backup's keys are to be",
            file.display()
        ))),
    }
}

/// Writes the secrets file where there is none.
pub(super) fn write(file: &Path, secrets: &[u8]) -> Result<(), Error> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Only its owner can read it.
    let written =
        NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).and_then(|mut written| {
            written.write_all(secrets)?;
            written.as_file().sync_all()?;
            Ok(written)
        });
    written.map_err(at(file))?.persist_noclobber(file).map_err(|failed| at(file)(failed.error))?;
    Ok(())
}
