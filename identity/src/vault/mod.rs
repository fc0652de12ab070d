//! Personal data in the log: AES-256-GCM (NIST SP 800-38D) under a key per person, which itself
//! is wrapped by the master key. Destroying a person's key erases them; the events stay.

mod cipher;
mod error;
mod key;
mod persons;
mod rewrap;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Event, HoldsPersonal, Recorded, StreamId, UserId};
use log::{BoxedError, OpenPersonal};
use moka::sync::Cache;
use pool::PgPool;

use crate::keyring::Keyring;
use crate::secrets::{Secrets, SecretsError};
pub use error::VaultError;
use key::{PersonKey, TextLocation};

/// How long an unwrapped key is kept: after an erasure elsewhere no reader finds it for longer.
const KEPT: Duration = Duration::from_secs(5);

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pool: PgPool,
    /// For new keys: what commits may wait, and leaves others their connections.
    writes: PgPool,
    keyring: Arc<Keyring>,
    keys: Cache<UserId, Option<PersonKey>>,
}

impl Vault {
    /// Outside of `Commands`, for readers of the log.
    pub fn try_new(pool: PgPool, secrets: &Secrets) -> Result<Self, SecretsError> {
        Ok(Self::new(pool.clone(), pool, Arc::new(Keyring::try_new(secrets)?)))
    }

    /// `writes` is for new keys: what commits may wait, and leaves others their connections.
    pub fn new(pool: PgPool, writes: PgPool, keyring: Arc<Keyring>) -> Self {
        let keys = Cache::builder().max_capacity(100_000).time_to_live(KEPT).build();
        Self { pool, writes, keyring, keys }
    }

    /// This vault, over connections of another pool.
    #[must_use]
    pub fn with_pool(&self, pool: &PgPool) -> Self {
        Self { pool: pool.clone(), writes: pool.clone(), ..self.clone() }
    }

    /// Forgets a key that was destroyed.
    pub fn forget(&self, user: UserId) {
        self.keys.invalidate(&user);
    }

    /// The event as the log may hold it. Of a person who was erased nothing is kept.
    pub async fn seal<E: HoldsPersonal + Into<Event> + Clone>(
        &self,
        mut event: E,
        stream: StreamId,
        sequence: i64,
        version: &str,
    ) -> Result<E, VaultError> {
        if event.personal().is_empty() {
            return Ok(event);
        }
        let about = people(&mut event);
        let keys = self.keys_or_new(about).await?;
        let name = event.clone().into().name();
        let location = TextLocation { stream, sequence, event: name, version };
        for (field, personal) in event.personal() {
            let Some(text) = personal.text.take() else { continue };
            if let Some(Some(key)) = keys.get(&personal.about) {
                personal.sealed = Some(key.seal(&text, &location, field, personal.about)?);
            }
        }
        Ok(event)
    }

    /// Makes the texts in events readable, but for those of persons who were erased.
    pub async fn open(&self, recorded: &mut [Recorded]) -> Result<(), VaultError> {
        let about = recorded.iter_mut().flat_map(|recorded| people(&mut recorded.event)).collect();
        let keys = self.keys(about).await?;
        for Recorded { stream, sequence, event, .. } in recorded {
            let name = event.name();
            open(&keys, event, *stream, *sequence, name)?;
        }
        Ok(())
    }

    /// Bytes that stand outside of the log, sealed for one purpose; `None` of a person who was erased.
    pub async fn seal_bytes(
        &self,
        about: UserId,
        purpose: &str,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = self.keys_or_new(HashSet::from([about])).await?;
        let Some(Some(key)) = keys.get(&about) else { return Ok(None) };
        key.seal_bytes(bytes, purpose, about).map(Some)
    }

    /// What was sealed so; `None` of a person who was erased.
    pub async fn open_bytes(
        &self,
        about: UserId,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = self.keys(HashSet::from([about])).await?;
        let Some(Some(key)) = keys.get(&about) else { return Ok(None) };
        key.open_bytes(sealed, purpose, about).map(Some)
    }
}

fn people<E: HoldsPersonal>(event: &mut E) -> HashSet<UserId> {
    event.personal().into_iter().map(|(_, personal)| personal.about).collect()
}

fn open<E: HoldsPersonal>(
    keys: &HashMap<UserId, Option<PersonKey>>,
    event: &mut E,
    stream: StreamId,
    sequence: i64,
    name: &'static str,
) -> Result<(), VaultError> {
    let location = TextLocation {
        stream,
        sequence,
        event: name,
        version: domain::upcast::current_version(name),
    };
    for (field, personal) in event.personal() {
        let Some(sealed) = personal.sealed.take() else { continue };
        if let Some(Some(key)) = keys.get(&personal.about) {
            personal.text = Some(key.open(&sealed, &location, field, personal)?);
        }
    }
    Ok(())
}

#[async_trait]
impl OpenPersonal for Vault {
    async fn open(&self, recorded: &mut [Recorded]) -> Result<(), BoxedError> {
        Ok(Self::open(self, recorded).await?)
    }
}
