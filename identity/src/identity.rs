//! Everything that knows a secret, put together.

use std::sync::Arc;

use domain::{EmailAddress, Role, UserId};
use url::Url;

use crate::access::{AccessTokens, Standing};
use crate::keyed::keyed;
use crate::keyring::Keyring;
use crate::links::Links;
use crate::media_links::MediaLinks;
use crate::passwords::Passwords;
use crate::revocations::Revocations;
use crate::secrets::{Secrets, SecretsError};

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
    pub(crate) challenges: [u8; 32],
    pub(crate) recovery: [u8; 32],
    needing_second_factor: Vec<Role>,
    digests: [u8; 32],
    erasures: [u8; 32],
}

/// Proves that a record of an erasure was written by a program with these secrets.
#[derive(Clone)]
pub struct ErasureKey([u8; 32]);

impl ErasureKey {
    /// What only the holder of the key can tell of a person and a moment.
    pub fn proof(&self, person: UserId, at: &str) -> [u8; 32] {
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

    /// Whether accounts of a role have to have a second factor.
    pub fn needs_second_factor(&self, role: Role) -> bool {
        self.needing_second_factor.contains(&role)
    }

    /// Days without a refresh after which a session is over.
    pub(crate) const fn session_idle_days(&self) -> i32 {
        self.session_idle_days
    }

    /// The keys in use.
    pub const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Access tokens.
    pub(crate) const fn access(&self) -> &AccessTokens {
        &self.access
    }

    /// Links in mails.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// Links to files and live events.
    pub const fn media_links(&self) -> &MediaLinks {
        &self.media_links
    }

    /// Hashes and verifies passwords.
    pub const fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// What ended access tokens before their time.
    pub const fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// Whom a bearer token speaks for, if it does.
    pub fn authenticate(&self, bearer: &str) -> Option<Standing> {
        self.access.read(bearer).filter(|standing| self.stands(standing))
    }

    /// Whether a token that was good still is.
    pub fn stands(&self, standing: &Standing) -> bool {
        !standing.is_over() && !self.revocations.cover(standing)
    }

    /// The refresh token that takes another's place.
    pub(crate) fn successor(&self, refresh: &str) -> [u8; 32] {
        keyed(&self.refresh, &[refresh.as_bytes()])
    }

    /// The keyed form of a digest: what it was made of, such as a password, can't be guessed from it.
    pub fn blind(&self, digest: &[u8; 32]) -> [u8; 32] {
        keyed(&self.digests, &[digest])
    }

    /// The key that proves records of erasures.
    pub const fn erasure_key(&self) -> ErasureKey {
        ErasureKey(self.erasures)
    }

    /// The name of somebody who tries passwords.
    pub(crate) fn subject(&self, parts: &[&[u8]]) -> String {
        hex::encode(keyed(&self.attempts, parts))
    }

    /// The name under which an address is looked up: it tells nothing without the key.
    pub fn lookup(&self, email: &EmailAddress) -> String {
        hex::encode(keyed(&self.lookup, &[email.folded().as_bytes()]))
    }
}
