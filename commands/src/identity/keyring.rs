//! The keys in force, taken from the secrets' file again when it changes.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::access::SigningKeys;
use super::secrets::{Secrets, SecretsError, Wrapping};

/// A forged key id must not have the file read for every request.
const PAUSE: Duration = Duration::from_millis(500);

/// What changes with `vetted keys rotate`.
pub(crate) struct Keyring {
    path: PathBuf,
    state: RwLock<State>,
}

struct State {
    keys: Arc<Keys>,
    looked: Instant,
    written: Option<SystemTime>,
}

/// One state of the file.
pub(crate) struct Keys {
    signing: SigningKeys,
    wrapping: Wrapping,
}

impl Keys {
    fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        Ok(Self { signing: SigningKeys::try_new(secrets)?, wrapping: secrets.wrapping() })
    }

    pub(crate) const fn signing(&self) -> &SigningKeys {
        &self.signing
    }

    pub(crate) const fn wrapping(&self) -> &Wrapping {
        &self.wrapping
    }
}

impl Keyring {
    pub(crate) fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        let path = secrets.path().to_owned();
        let keys = Arc::new(Keys::try_new(secrets)?);
        let state = State { keys, looked: Instant::now(), written: written(&path) };
        Ok(Self { path, state: RwLock::new(state) })
    }

    /// The keys as they were last read.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).keys)
    }

    /// Those that wrap.
    pub(crate) fn wrapping(&self) -> Wrapping {
        self.keys().wrapping().clone()
    }

    /// The keys as the file has them now, if it has changed since it was last read.
    pub(crate) fn reloaded(&self) -> Arc<Keys> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() < PAUSE {
            return Arc::clone(&state.keys);
        }
        state.looked = Instant::now();
        let written = written(&self.path);
        if written != state.written || state.keys.signing().is_outdated() {
            match Secrets::load(&self.path).and_then(|secrets| Keys::try_new(&secrets)) {
                Ok(keys) => {
                    state.keys = Arc::new(keys);
                    state.written = written;
                    tracing::info!("the keys were read anew");
                }
                Err(error) => tracing::error!("the keys stay as they were: {error}"),
            }
        }
        Arc::clone(&state.keys)
    }
}

fn written(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
