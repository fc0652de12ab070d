//! The program's secrets: made once, kept in one file that only its account can read.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::SigningKey;
use p256::SecretKey;
use p256::elliptic_curve::Generate;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::encryption::EncryptionKey;
use crate::keyed::keyed;

/// Seconds for which a new signing key is published and accepted, but does not sign yet, and for
/// which a new encryption key is accepted, but not published yet.
const NEW_KEY_WAITS: i64 = 10;

/// What the program must keep to itself.
pub struct Secrets {
    path: PathBuf,
    /// Sign access tokens; all are accepted.
    pub(crate) signing: Vec<SigningKey>,
    /// Open encrypted payloads. Never empty.
    encryption: Vec<EncryptionKey>,
    /// When the first of either was added, in Unix seconds.
    rotated_at: i64,
    wrapping: Wrapping,
    master: [u8; 32],
}

/// The keys that wrap persons' keys; the first wraps, all unwrap.
#[derive(Clone)]
pub(crate) struct Wrapping(Vec<(String, [u8; 32])>);

impl Wrapping {
    /// The one that wraps, with its name.
    pub(crate) fn newest(&self) -> (String, [u8; 32]) {
        self.0.first().cloned().unwrap_or_default()
    }

    /// The one of that name.
    pub(crate) fn find(&self, id: &str) -> Option<[u8; 32]> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, key)| *key)
    }
}

/// Why there are no secrets to work with.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file can't be read or made.
    #[error("SECRETS_FILE {path} cannot be used: {source}.")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what this program writes.
    #[error(
        "SECRETS_FILE {0} does not hold valid secrets: restore it, or move it away to have new ones made."
    )]
    Invalid(PathBuf),
    /// The file belongs to another database.
    #[error(
        "SECRETS_FILE {0} has other keys than those of this database: set SECRETS_FILE to the \
         file that belongs to it, or put that file back from a backup"
    )]
    Foreign(PathBuf),
    /// A key can't be put to use.
    #[error("a signing key cannot be used: {0}")]
    Key(String),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Ed25519 seeds (RFC 8032), base64url; the newest first.
    signing: Vec<String>,
    /// Scalars of P-256, base64url of 32 bytes; the newest first.
    #[serde(default)]
    encryption: Vec<String>,
    /// When the first of either was added, in Unix seconds.
    #[serde(default)]
    rotated_at: i64,
    /// AES-256 keys that wrap persons' keys, base64url; the newest first.
    wrapping: Vec<String>,
    /// 32 bytes, base64url.
    master: String,
}

impl Stored {
    fn random() -> Self {
        Self {
            signing: vec![random_key()],
            encryption: vec![random_encryption_key()],
            rotated_at: 0,
            wrapping: vec![random_key()],
            master: random_key(),
        }
    }
}

impl Secrets {
    /// Reads the file, or makes it. Of several programs that make it at once, one wins. For a
    /// database that may have data, see [`secrets_of`](crate::secrets_of).
    pub fn load_or_create(path: &Path) -> Result<Self, SecretsError> {
        let failed = |source| SecretsError::Io { path: path.to_owned(), source };
        if !path.try_exists().map_err(failed)? {
            create(path).map_err(failed)?;
        }
        let secrets = Self::load(path)?;
        secrets.complete();
        Ok(secrets)
    }

    /// Reads the file, if there is one.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, SecretsError> {
        match Self::load(path) {
            Err(SecretsError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// New keys that no file has, for reading a database in which nothing is sealed.
    pub(crate) fn unsaved(path: &Path) -> Result<Self, SecretsError> {
        let invalid = || SecretsError::Invalid(path.to_owned());
        let bytes = serde_json::to_vec(&Stored::random()).map_err(|_| invalid())?;
        Self::parse(path, &bytes).ok_or_else(invalid)
    }

    /// Writes the encryption key into a file that has none.
    pub(crate) fn complete(&self) {
        if let Err(error) = complete(&self.path) {
            tracing::debug!("the encryption key is derived whenever it is needed: {error}");
        }
    }

    /// Tells this file's keys from those of another, and stays the same when they are rotated.
    pub(crate) fn check_value(&self) -> [u8; 32] {
        keyed(&self.derived("database"), &[b"this database belongs to these secrets"])
    }

    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, SecretsError> {
        let bytes =
            fs::read(path).map_err(|source| SecretsError::Io { path: path.to_owned(), source })?;
        Self::parse(path, &bytes).ok_or_else(|| SecretsError::Invalid(path.to_owned()))
    }

    /// Adds a new signing key, a new encryption key and a new wrapping key, each as the first. The
    /// ones before stay accepted, older ones are dropped: persons' keys have to be wrapped again
    /// before the next rotation.
    pub fn rotate(path: &Path) -> Result<(), SecretsError> {
        let failed = |source| SecretsError::Io { path: path.to_owned(), source };
        let _alone = lock(path).map_err(failed)?;
        let bytes = fs::read(path).map_err(failed)?;
        let stored: Option<Stored> = serde_json::from_slice(&bytes).ok();
        let (mut stored, secrets) = stored
            .zip(Self::parse(path, &bytes))
            .ok_or_else(|| SecretsError::Invalid(path.to_owned()))?;
        stored.signing.insert(0, random_key());
        stored.signing.truncate(2);
        stored.encryption = secrets.encryption.iter().map(EncryptionKey::stored).collect();
        stored.encryption.insert(0, random_encryption_key());
        stored.encryption.truncate(2);
        stored.rotated_at = clock::unix_now();
        stored.wrapping.insert(0, random_key());
        stored.wrapping.truncate(2);
        let beside = write_beside(path, &stored).map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)
    }

    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let key = |text: &String| {
            let key = <[u8; 32]>::try_from(BASE64.decode(text).ok()?).ok()?;
            (!is_made_up(&key)).then_some(key)
        };
        let signing: Option<Vec<_>> = stored
            .signing
            .iter()
            .map(|text| key(text).map(|seed| SigningKey::from_bytes(&seed)))
            .collect();
        let signing = signing.filter(|keys| !keys.is_empty())?;
        let wrapping: Option<Vec<_>> = stored
            .wrapping
            .iter()
            .map(|text| key(text).map(|key| (hex::encode(&Sha256::digest(key)[..8]), key)))
            .collect();
        let encryption: Option<Vec<_>> = stored
            .encryption
            .iter()
            .map(|text| key(text).and_then(|scalar| EncryptionKey::from_scalar(&scalar)))
            .collect();
        let mut secrets = Self {
            path: path.to_owned(),
            signing,
            encryption: encryption?,
            rotated_at: stored.rotated_at,
            wrapping: Wrapping(wrapping.filter(|keys| !keys.is_empty())?),
            master: key(&stored.master)?,
        };
        if secrets.encryption.is_empty() {
            secrets.encryption.push(secrets.derived_encryption()?);
        }
        Some(secrets)
    }

    /// The encryption key of a file that has none: every process derives the same one. One in
    /// 2^32 numbers is no scalar of P-256.
    fn derived_encryption(&self) -> Option<EncryptionKey> {
        (0_u8..8).find_map(|attempt| {
            EncryptionKey::from_scalar(&self.derived(&format!("encryption/{attempt}")))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn wrapping(&self) -> Wrapping {
        self.wrapping.clone()
    }

    /// The key that signs: a new one only once every process has had the time to read it.
    pub(crate) fn signing_key(&self) -> Option<(&SigningKey, Option<i64>)> {
        match self.signing.as_slice() {
            [_, before, ..] if self.is_fresh() => {
                Some((before, Some(self.rotated_at + NEW_KEY_WAITS)))
            }
            keys => keys.first().map(|first| (first, None)),
        }
    }

    /// All that payloads may be encrypted to.
    pub(crate) fn encryption(&self) -> &[EncryptionKey] {
        &self.encryption
    }

    /// The one that they are to be encrypted to: a new one only once every process has read it.
    pub(crate) fn published_encryption(&self) -> Option<&EncryptionKey> {
        match self.encryption.as_slice() {
            [_, before, ..] if self.is_fresh() => Some(before),
            keys => keys.first(),
        }
    }

    fn is_fresh(&self) -> bool {
        clock::unix_now() - self.rotated_at < NEW_KEY_WAITS
    }

    /// A key of its own for each purpose.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; 32] {
        keyed(&self.master, &[b"vetted/v1", purpose.as_bytes()])
    }
}

/// Writes a temporary file, then links it into place: a reader finds the whole file or none.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = write_beside(path, &Stored::random())?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes the encryption key into a file that has none.
fn complete(path: &Path) -> std::io::Result<()> {
    let read = || -> std::io::Result<Stored> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
    if !read()?.encryption.is_empty() {
        return Ok(());
    }
    let _alone = lock(path)?;
    let mut stored = read()?;
    let derived = Secrets::load(path).map_err(std::io::Error::other)?.encryption;
    stored.encryption = derived.iter().map(EncryptionKey::stored).collect();
    fs::rename(write_beside(path, &stored)?, path)
}

/// Held while the file is changed. It locks the folder, since a change replaces the file.
fn lock(path: &Path) -> std::io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    folder.lock()?;
    Ok(folder)
}

fn write_beside(path: &Path, stored: &Stored) -> std::io::Result<PathBuf> {
    let beside = path.with_extension(format!("new.{}", uuid::Uuid::now_v7()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(stored)?)?;
    file.sync_all()?;
    Ok(beside)
}

fn random_key() -> String {
    let mut key = [0; 32];
    rand::rng().fill_bytes(&mut key);
    BASE64.encode(key)
}

fn random_encryption_key() -> String {
    BASE64.encode(SecretKey::generate_from_rng(&mut rand::rng()).to_bytes())
}

/// Whether somebody wrote it to have something there: text, a count, or few bytes again and again.
/// A random key is none of these, but for one in 10¹².
fn is_made_up(key: &[u8; 32]) -> bool {
    let is_text = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let step = key[1].wrapping_sub(key[0]);
    let is_count = key.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    let distinct = key.iter().collect::<HashSet<_>>().len();
    is_text || is_count || distinct <= key.len() / 2
}

#[cfg(test)]
mod tests;
