//! The keys in use, read from the secrets file again when it changes.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::encryption::EncryptionKey;
use crate::secrets::{Secrets, SecretsError, Wrapping};
use crate::signing::SigningKeys;

/// A forged key id must not have the file read for every request.
const PAUSE: Duration = Duration::from_millis(500);

/// What changes with `vetted keys rotate`.
pub struct Keyring {
    path: PathBuf,
    /// Of the file that the program started with: another database's keys are never taken over.
    check_value: [u8; 32],
    state: RwLock<State>,
}

struct State {
    keys: Arc<Keys>,
    looked: Instant,
    written: Option<SystemTime>,
}

/// One state of the file.
pub struct Keys {
    signing: SigningKeys,
    encryption: Vec<EncryptionKey>,
    wrapping: Wrapping,
    jwks: Value,
}

impl Keys {
    fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        let signing = SigningKeys::try_new(secrets)?;
        let published = secrets.published_encryption().map(EncryptionKey::jwk);
        let keys: Vec<_> = signing.jwks().iter().cloned().chain(published).collect();
        Ok(Self {
            signing,
            encryption: secrets.encryption().to_vec(),
            wrapping: secrets.wrapping(),
            jwks: json!({ "keys": keys }),
        })
    }

    pub(crate) const fn signing(&self) -> &SigningKeys {
        &self.signing
    }

    pub(crate) const fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }

    /// The public keys, as a JWK Set (RFC 7517): all that sign, and the one to encrypt to.
    pub const fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// Those that a payload may be encrypted to: the one that goes by this name, or any.
    fn encryption(&self, kid: Option<&str>) -> Vec<EncryptionKey> {
        let fits = |key: &&EncryptionKey| kid.is_none_or(|kid| kid == key.kid());
        self.encryption.iter().filter(fits).cloned().collect()
    }
}

impl Keyring {
    /// From the secrets that the program started with.
    pub fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        let path = secrets.path().to_owned();
        let keys = Arc::new(Keys::try_new(secrets)?);
        let state = State { keys, looked: Instant::now(), written: written(&path) };
        Ok(Self { path, check_value: secrets.check_value(), state: RwLock::new(state) })
    }

    /// The keys as they were last read.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).keys)
    }

    /// Those that wrap.
    pub(crate) fn wrapping(&self) -> Wrapping {
        self.keys().wrapping().clone()
    }

    /// Those that a payload may be encrypted to: the one that goes by this name, or any.
    pub fn encryption(&self, kid: Option<&str>) -> Vec<EncryptionKey> {
        let known = self.keys().encryption(kid);
        if known.is_empty() { self.reloaded().encryption(kid) } else { known }
    }

    /// The keys as the file has them now, if it has changed since it was last read.
    pub fn reloaded(&self) -> Arc<Keys> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() < PAUSE {
            return Arc::clone(&state.keys);
        }
        state.looked = Instant::now();
        let written = written(&self.path);
        if written != state.written || state.keys.signing().is_outdated() {
            match self.read() {
                Ok(keys) => {
                    state.keys = Arc::new(keys);
                    state.written = written;
                    tracing::info!("SECRETS_FILE has changed, and its keys were read again");
                }
                Err(error) => tracing::error!("the keys are not changed: {error}"),
            }
        }
        Arc::clone(&state.keys)
    }

    fn read(&self) -> Result<Keys, SecretsError> {
        let secrets = Secrets::load(&self.path)?;
        if secrets.check_value() != self.check_value {
            return Err(SecretsError::Foreign(self.path.clone()));
        }
        Keys::try_new(&secrets)
    }
}

fn written(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
