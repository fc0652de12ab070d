//! Argon2id (RFC 9106), on a bounded number of threads.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::user::Password;
use tokio::sync::Semaphore;

use crate::CommandError;

/// 19 MiB, two passes, one lane (OWASP).
const PARAMETERS: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Hashes that wait at most; each costs some 25 ms of a core.
const WAITING: usize = 64;

/// Common passwords of 8 characters and more, lower case.
static COMMON: LazyLock<std::collections::HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common-passwords.txt").lines().collect());

pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let turns = Arc::new(Semaphore::new(cores));
        Self { turns, queue: Arc::new(Semaphore::new(WAITING)) }
    }
}

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = PARAMETERS;
    let parameters = Params::new(memory, passes, lanes, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
}

impl Passwords {
    /// A PHC string.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, CommandError> {
        let password = password.as_str().to_owned();
        let hashed = self
            .in_turn(move || {
                let hash: Result<argon2::PasswordHash, _> =
                    argon2().hash_password(password.as_bytes());
                hash.map(|hash| hash.to_string())
            })
            .await?;
        hashed.map_err(|error| CommandError::Fault(error.to_string().into()))
    }

    /// Whether the password is the hashed one. Without a hash the same work is done for nothing,
    /// so that the time tells nothing.
    pub(crate) async fn verify(
        &self,
        password: &str,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        let password = password.to_owned();
        self.in_turn(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.clone());
            argon2().verify_password(password.as_bytes(), hash.as_str()).is_ok() && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        let _place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| CommandError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(CommandError::fault)?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(CommandError::fault)
    }
}

/// The hash of a password that nobody has.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let hash: Result<argon2::PasswordHash, _> =
        argon2().hash_password(uuid::Uuid::now_v7().as_bytes());
    hash.map(|hash| hash.to_string()).unwrap_or_default()
});

/// Why a password won't do, if it won't: a common one, or the address itself.
pub(crate) fn weakness(password: &Password, email: &str) -> Option<&'static str> {
    let lower = password.as_str().to_lowercase();
    let local = email.split('@').next().unwrap_or(email).to_lowercase();
    if COMMON.contains(lower.as_str()) {
        Some("This password is among the most common ones: choose another.")
    } else if lower == email.to_lowercase() || lower == local {
        Some("The password may not be the e-mail address: choose another.")
    } else {
        None
    }
}
