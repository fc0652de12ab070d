//! Who somebody is: secrets, passwords, links in mails, access tokens and sessions.

mod access;
mod access_ends;
#[cfg(test)]
mod access_model;
mod binding;
mod challenge;
mod encryption;
mod follow;
pub mod journal;
mod keyring;
pub(crate) mod links;
mod login;
mod media_links;
pub(crate) mod passwords;
mod revocations;
mod second_factor;
mod secrets;
mod sessions;
mod sign_ins;
mod throttle;
mod totp;

use std::sync::Arc;

use domain::{EmailAddress, Role, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

pub(crate) use access::invalid_token;
pub use access::{Authenticated, Limit, Standing};
pub use binding::{BindingError, Missing, compare, secrets_belong, secrets_of};
pub use encryption::{EncryptionKey, thumbprint};
pub use follow::SessionFollower;
pub use links::{LinkHolder, Links};
pub use media_links::{MediaHolder, MediaKind, MediaLink};
pub use second_factor::{Enrolment, SecondFactor};
pub use secrets::{Secrets, SecretsError};
pub use sessions::{Session, Tokens};
pub use sign_ins::Origin;
pub use totp::RecoveryCodes;

pub(crate) use access::AccessTokens;
pub(crate) use keyring::Keyring;
pub(crate) use media_links::MediaLinks;
pub(crate) use passwords::Passwords;
pub(crate) use revocations::{Revocations, spared_by};

use crate::CommandError;

/// Days without a refresh after which a session is over, unless configured otherwise.
pub const SESSION_IDLE_DAYS: i32 = 7;

/// Everything that knows a secret. One per process.
pub struct Identity {
    keyring: Arc<Keyring>,
    access: AccessTokens,
    links: Links,
    media_links: MediaLinks,
    passwords: Passwords,
    revocations: Arc<Revocations>,
    lookup: [u8; 32],
    refresh: [u8; 32],
    session_idle_days: i32,
    attempts: [u8; 32],
    challenges: [u8; 32],
    recovery: [u8; 32],
    needing_second_factor: Vec<Role>,
    digests: [u8; 32],
    erasures: [u8; 32],
}

/// Proves that a record of an erasure was written by a program with these secrets.
#[derive(Clone)]
pub(crate) struct ErasureKey([u8; 32]);

impl ErasureKey {
    /// What only the holder of the key can tell of a person and a moment.
    pub(crate) fn proof(&self, person: UserId, at: &str) -> [u8; 32] {
        keyed(&self.0, &[person.uuid().as_bytes(), at.as_bytes()])
    }
}

impl Identity {
    /// From the program's secrets; `public_url` is what links start with.
    pub fn try_new(secrets: &Secrets, public_url: &Url) -> Result<Self, SecretsError> {
        let keyring = Arc::new(Keyring::try_new(secrets)?);
        Ok(Self {
            access: AccessTokens::new(Arc::clone(&keyring), public_url),
            keyring,
            links: Links::new(secrets.derived("links"), public_url.clone()),
            media_links: MediaLinks::new(secrets.derived("media links")),
            passwords: Passwords::default(),
            revocations: Arc::default(),
            lookup: secrets.derived("lookup"),
            refresh: secrets.derived("refresh"),
            session_idle_days: SESSION_IDLE_DAYS,
            attempts: secrets.derived("attempts"),
            challenges: secrets.derived("challenges"),
            recovery: secrets.derived("recovery codes"),
            needing_second_factor: vec![],
            digests: secrets.derived("digests"),
            erasures: secrets.derived("erasures"),
        })
    }

    /// Has sessions end after so many days without a refresh.
    #[must_use]
    pub fn with_session_idle_days(self, session_idle_days: i32) -> Self {
        Self { session_idle_days, ..self }
    }

    /// Has accounts of these roles set up a second factor before they do anything else.
    #[must_use]
    pub fn with_second_factor_for(self, needing_second_factor: Vec<Role>) -> Self {
        Self { needing_second_factor, ..self }
    }

    pub(crate) fn needs_second_factor(&self, role: Role) -> bool {
        self.needing_second_factor.contains(&role)
    }

    pub(crate) const fn session_idle_days(&self) -> i32 {
        self.session_idle_days
    }

    pub(crate) const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    pub(crate) const fn access(&self) -> &AccessTokens {
        &self.access
    }

    pub(crate) const fn links(&self) -> &Links {
        &self.links
    }

    pub(crate) const fn media_links(&self) -> &MediaLinks {
        &self.media_links
    }

    pub(crate) const fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    pub(crate) const fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    pub(crate) fn authenticate(&self, bearer: &str) -> Result<Standing, CommandError> {
        let standing = self.access.read(bearer)?;
        if self.stands(&standing) { Ok(standing) } else { Err(access::invalid_token()) }
    }

    pub(crate) fn stands(&self, standing: &Standing) -> bool {
        !standing.is_over() && !self.revocations.cover(standing)
    }

    /// The refresh token that takes another's place.
    fn successor(&self, refresh: &str) -> [u8; 32] {
        keyed(&self.refresh, &[refresh.as_bytes()])
    }

    pub(crate) fn blind(&self, digest: &[u8; 32]) -> [u8; 32] {
        keyed(&self.digests, &[digest])
    }

    pub(crate) const fn erasure_key(&self) -> ErasureKey {
        ErasureKey(self.erasures)
    }

    /// The name of somebody who tries passwords.
    fn subject(&self, parts: &[&[u8]]) -> String {
        hex::encode(keyed(&self.attempts, parts))
    }

    /// The name under which an address is looked up: it tells nothing without the key.
    pub(crate) fn lookup(&self, email: &EmailAddress) -> String {
        hex::encode(keyed(&self.lookup, &[email.folded().as_bytes()]))
    }
}

/// HMAC-SHA-256 (RFC 2104) over parts, each led by its length.
fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length");
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
