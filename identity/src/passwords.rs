//! Argon2id (RFC 9106), on a bounded number of threads.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::user::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::IdentityError;

/// 19 MiB, two passes, one lane (OWASP).
const PARAMETERS: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Hashes that wait at most; each costs some 25 ms of a core.
const WAITING: usize = 64;

/// In no password.
const SERVICE: &str = "vetted";

/// Common passwords of 8 characters and more, lower case.
static COMMON: LazyLock<std::collections::HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common-passwords.txt").lines().collect());

/// Hashes and verifies passwords. One per process.
pub struct Passwords {
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

/// Room to hash or verify one password after the other.
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// Another one.
    Wrong,
    /// The one that was hashed.
    Right,
    /// The right one, in a hash of other parameters than those in force.
    Outdated,
}

impl Passwords {
    /// A PHC string.
    pub async fn hash(&self, password: &Password) -> Result<String, IdentityError> {
        let (_, hash) = self.turn().await?.hash(password.as_str()).await?;
        Ok(hash)
    }

    /// Waits for room.
    pub(crate) async fn turn(&self) -> Result<Turn, IdentityError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| IdentityError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(IdentityError::fault)?;
        Ok(Turn { _turn: turn, _place: place })
    }
}

impl Turn {
    /// A PHC string.
    pub(crate) async fn hash(self, password: &str) -> Result<(Self, String), IdentityError> {
        let password = password.to_owned();
        let (turn, hash) = self.work(move || hash(password.as_bytes())).await?;
        let hash = hash.map_err(|error| IdentityError::Fault(error.to_string().into()))?;
        Ok((turn, hash))
    }

    /// Whether the password is the hashed one. Without a hash the same work is done for nothing,
    /// so that the time tells nothing.
    pub(crate) async fn verify(
        self,
        password: &str,
        hash: Option<String>,
    ) -> Result<(Self, PasswordCheck), IdentityError> {
        let password = password.to_owned();
        self.work(move || {
            // Made before it is known whether it is needed, as that takes time too.
            let nobodys = NOBODY.as_str();
            let stored = hash.as_deref().unwrap_or(nobodys);
            let right = argon2().verify_password(password.as_bytes(), stored).is_ok();
            match (right && hash.is_some(), is_outdated(stored)) {
                (false, _) => PasswordCheck::Wrong,
                (true, false) => PasswordCheck::Right,
                (true, true) => PasswordCheck::Outdated,
            }
        })
        .await
    }

    /// The room stays taken until the work ends, also when nobody waits for it any more.
    async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(Self, T), IdentityError> {
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            (self, done)
        });
        done.await.map_err(IdentityError::fault)
    }
}

fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let hash: argon2::PasswordHash = argon2().hash_password(password)?;
    Ok(hash.to_string())
}

/// Whether a hash was made otherwise than it would be made now.
fn is_outdated(hash: &str) -> bool {
    let Ok(hash) = argon2::PasswordHash::new(hash) else { return true };
    let parameters = Params::try_from(&hash);
    let parameters = parameters.map(|made| (made.m_cost(), made.t_cost(), made.p_cost()));
    hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || parameters != Ok(PARAMETERS)
}

/// The hash of a password that nobody has.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash(uuid::Uuid::new_v4().as_bytes()).unwrap_or_default());

/// Why a password won't do, if it won't: a common one, or one with a word that anybody would try
/// for this account (ASVS 5.0, 6.2.4 and 6.2.11).
pub fn weakness(password: &Password, email: &str) -> Option<&'static str> {
    let folded = password.as_str().to_lowercase();
    if COMMON.contains(folded.as_str()) {
        return Some("This password is too common: choose another.");
    }
    let telling = context_words(&email.to_lowercase()).any(|word| folded.contains(&word));
    telling.then_some("Leave out your e-mail address, parts of it, and the name of this service.")
}

/// The service's name, and the parts of an address that are long enough to be words.
fn context_words(email: &str) -> impl Iterator<Item = String> {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let host = domain.rsplit_once('.').map_or("", |(host, _)| host);
    let parts = std::iter::once(local)
        .chain(local.split(|letter: char| !letter.is_alphanumeric()))
        .chain(host.split('.'));
    let words: Vec<_> = parts.filter(|part| part.chars().count() >= 4).map(str::to_owned).collect();
    words.into_iter().chain([SERVICE.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_weak(password: &str, email: &str) -> bool {
        let password = domain::read(serde_json::Value::from(password)).unwrap();
        weakness(&password, email).is_some()
    }

    #[test]
    fn a_hash_of_other_parameters_is_outdated() {
        let made = hash(b"three green lamps").unwrap();
        assert!(!is_outdated(&made));
        assert!(is_outdated(&made.replace("t=2", "t=1")));
        assert!(is_outdated(&made.replace("argon2id", "argon2i")));
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        assert!(is_weak("Password1", "alice@shop.example"));
        assert!(!is_weak("correct horse battery", "alice@shop.example"));
    }

    #[test]
    fn words_that_anybody_would_try_are_refused() {
        assert!(is_weak("alice.miller7", "Alice.Miller@shop.example"));
        assert!(is_weak("xx-MILLER-xx", "alice.miller@shop.example"));
        assert!(is_weak("bookshop-2026!", "al@bookshop.example"));
        assert!(is_weak("i like Vetted", "alice@shop.example"));
    }

    #[test]
    fn short_parts_of_an_address_are_no_words() {
        assert!(!is_weak("bobsled on ice", "bob@io.example"));
    }
}
