//! Personal data in the log: AES-256-GCM (NIST SP 800-38D) under a key per person, which itself
//! is wrapped by the master key. Destroying a person's key erases them; the events stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::{Event, HoldsPersonal, Personal, Recorded, Sealed, StreamId, UserId};
use log::{BoxedError, OpenPersonal};
use moka::sync::Cache;
use pool::PgPool;
use rand::Rng;
use sqlx::Row;
use uuid::Uuid;

use crate::identity::{Keyring, Secrets, SecretsError};

/// How long an unwrapped key is kept: after an erasure elsewhere no reader finds it for longer.
const KEPT: Duration = Duration::from_secs(5);
const NONCE: usize = 12;
/// Rows that are wrapped again in one transaction.
const BATCH: i64 = 500;

/// Why personal data could not be sealed or opened; it quotes neither texts nor keys.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database refused.
    #[error("the keys of persons cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// The wrapping key is not in SECRETS_FILE.
    #[error("SECRETS_FILE lacks the wrapping key {0}: restore it")]
    UnknownKey(String),
    /// Ciphertext that this key, at this place, did not make.
    #[error("personal data or its key was altered: {0}")]
    Altered(String),
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pool: PgPool,
    /// For new keys: what commits may wait, and leaves others their connections.
    writes: PgPool,
    keyring: Arc<Keyring>,
    keys: Cache<UserId, Option<PersonKey>>,
}

/// A person's key, unwrapped.
#[derive(Clone)]
struct PersonKey {
    version: i32,
    cipher: Arc<Aes256Gcm>,
}

/// Where in the log a text stands: it can be opened nowhere else.
struct Place<'a> {
    stream: StreamId,
    sequence: i64,
    event: &'static str,
    version: &'a str,
}

impl Vault {
    /// Outside of [`Commands`](crate::Commands), for readers of the log.
    pub fn try_new(pool: PgPool, secrets: &Secrets) -> Result<Self, SecretsError> {
        Ok(Self::new(pool.clone(), pool, Arc::new(Keyring::try_new(secrets)?)))
    }

    pub(crate) fn new(pool: PgPool, writes: PgPool, keyring: Arc<Keyring>) -> Self {
        let keys = Cache::builder().max_capacity(100_000).time_to_live(KEPT).build();
        Self { pool, writes, keyring, keys }
    }

    /// The same, over connections of this pool.
    pub(crate) fn over(&self, pool: &PgPool) -> Self {
        Self { pool: pool.clone(), writes: pool.clone(), ..self.clone() }
    }

    /// Forgets a key that was destroyed.
    pub(crate) fn forget(&self, user: UserId) {
        self.keys.invalidate(&user);
    }

    /// The event as the log may hold it. Of a person who was erased nothing is kept.
    pub(crate) async fn seal<E: HoldsPersonal + Into<Event> + Clone>(
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
        let place = Place { stream, sequence, event: name, version };
        for (field, personal) in event.personal() {
            let Some(text) = personal.text.take() else { continue };
            if let Some(Some(key)) = keys.get(&personal.about) {
                personal.sealed = Some(key.seal(&text, &place, field, personal.about)?);
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
    pub(crate) async fn seal_bytes(
        &self,
        about: UserId,
        purpose: &str,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = self.keys_or_new(HashSet::from([about])).await?;
        let Some(Some(key)) = keys.get(&about) else { return Ok(None) };
        encrypt(&key.cipher, bytes, &bytes_data(purpose, about, key.version)).map(Some)
    }

    /// What was sealed so; `None` of a person who was erased.
    pub(crate) async fn open_bytes(
        &self,
        about: UserId,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = self.keys(HashSet::from([about])).await?;
        let Some(Some(key)) = keys.get(&about) else { return Ok(None) };
        let opened = decrypt(&key.cipher, sealed, &bytes_data(purpose, about, key.version));
        opened.map(Some).ok_or_else(|| VaultError::Altered(format!("the {purpose} of {about}")))
    }

    /// Wraps every person's key with the newest wrapping key; events are not changed. Readers and
    /// writers are not held up.
    pub async fn rewrap(&self, progress: impl Fn(i64, i64)) -> Result<i64, VaultError> {
        let newest = self.keyring.wrapping().newest().0;
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM person_keys WHERE wrapped IS NOT NULL AND wrapping_key <> $1",
        )
        .bind(&newest)
        .fetch_one(&self.pool)
        .await?;
        let mut done = 0;
        loop {
            let count = self.rewrap_some(&newest).await?;
            if count == 0 {
                return Ok(done);
            }
            done += count;
            progress(done, total.max(done));
        }
    }

    async fn rewrap_some(&self, newest: &str) -> Result<i64, VaultError> {
        let mut tx = self.pool.begin().await?;
        let rows = sqlx::query(
            "SELECT user_id, version, wrapping_key, wrapped FROM person_keys
             WHERE wrapped IS NOT NULL AND wrapping_key <> $1
             ORDER BY user_id LIMIT $2 FOR UPDATE SKIP LOCKED",
        )
        .bind(newest)
        .bind(BATCH)
        .fetch_all(&mut *tx)
        .await?;
        for row in &rows {
            let (user, version) =
                (UserId::from_uuid(row.try_get("user_id")?), row.try_get("version")?);
            let id: String = row.try_get("wrapping_key")?;
            let key = self.unwrap(user, version, &id, row.try_get("wrapped")?)?;
            let (id, wrapped) = self.wrap(user, version, &key)?;
            sqlx::query(
                "UPDATE person_keys SET wrapping_key = $2, wrapped = $3 WHERE user_id = $1",
            )
            .bind(user.uuid())
            .bind(id)
            .bind(wrapped)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }

    /// Whether these secrets open a person's key; `None` where there is none to try.
    pub(crate) async fn opens_a_key(&self) -> Result<Option<bool>, VaultError> {
        let rows = sqlx::query(
            "SELECT DISTINCT ON (wrapping_key) user_id, version, wrapping_key, wrapped
             FROM person_keys WHERE wrapped IS NOT NULL ORDER BY wrapping_key",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut opened = (!rows.is_empty()).then_some(false);
        for row in rows {
            let (user, version) =
                (UserId::from_uuid(row.try_get("user_id")?), row.try_get("version")?);
            let id: String = row.try_get("wrapping_key")?;
            if self.unwrap(user, version, &id, row.try_get("wrapped")?).is_ok() {
                opened = Some(true);
            }
        }
        Ok(opened)
    }

    /// A wrapping key that a person's key needs and these secrets do not have.
    pub async fn missing_wrapping_key(&self) -> Result<Option<String>, VaultError> {
        let needed = "SELECT DISTINCT wrapping_key FROM person_keys WHERE wrapped IS NOT NULL";
        let needed: Vec<String> = sqlx::query_scalar(needed).fetch_all(&self.pool).await?;
        let wrapping = self.keyring.wrapping();
        Ok(needed.into_iter().find(|id| wrapping.find(id).is_none()))
    }

    /// Makes keys for those who have none; who was erased gets none again.
    async fn keys_or_new(
        &self,
        people: HashSet<UserId>,
    ) -> Result<HashMap<UserId, Option<PersonKey>>, VaultError> {
        let keys = self.keys(people.clone()).await?;
        let new: Vec<_> = people.iter().filter(|user| !keys.contains_key(user)).collect();
        if new.is_empty() {
            return Ok(keys);
        }
        for user in new {
            let mut key = [0; 32];
            rand::rng().fill_bytes(&mut key);
            let (id, wrapped) = self.wrap(*user, 1, &key)?;
            sqlx::query(
                "INSERT INTO person_keys (user_id, version, wrapping_key, wrapped)
                 VALUES ($1, 1, $2, $3) ON CONFLICT (user_id) DO NOTHING",
            )
            .bind(user.uuid())
            .bind(id)
            .bind(wrapped)
            .execute(&self.writes)
            .await?;
        }
        self.keys(people).await
    }

    /// The keys of these people; `None` of those who were erased.
    async fn keys(
        &self,
        people: HashSet<UserId>,
    ) -> Result<HashMap<UserId, Option<PersonKey>>, VaultError> {
        let mut known = HashMap::with_capacity(people.len());
        let mut unknown: Vec<Uuid> = vec![];
        for user in people {
            match self.keys.get(&user) {
                Some(Some(key)) => drop(known.insert(user, Some(key))),
                Some(None) | None => unknown.push(user.uuid()),
            }
        }
        if unknown.is_empty() {
            return Ok(known);
        }
        let rows = sqlx::query(
            "SELECT user_id, version, wrapping_key, wrapped FROM person_keys WHERE user_id = ANY($1)",
        )
        .bind(unknown)
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let (user, version) =
                (UserId::from_uuid(row.try_get("user_id")?), row.try_get("version")?);
            let wrapped: Option<Vec<u8>> = row.try_get("wrapped")?;
            let id: String = row.try_get("wrapping_key")?;
            let key =
                wrapped.map(|wrapped| self.unwrap(user, version, &id, wrapped)).transpose()?;
            let key = key.map(|key| PersonKey { version, cipher: Arc::new(cipher(&key)) });
            self.keys.insert(user, key.clone());
            known.insert(user, key);
        }
        Ok(known)
    }

    fn wrap(
        &self,
        user: UserId,
        version: i32,
        key: &[u8; 32],
    ) -> Result<(String, Vec<u8>), VaultError> {
        let (id, master) = self.keyring.wrapping().newest();
        Ok((id, encrypt(&cipher(&master), key, &wrapping_data(user, version))?))
    }

    fn unwrap(
        &self,
        user: UserId,
        version: i32,
        id: &str,
        wrapped: Vec<u8>,
    ) -> Result<[u8; 32], VaultError> {
        let master = self
            .keyring
            .wrapping()
            .find(id)
            .or_else(|| self.keyring.reloaded().wrapping().find(id))
            .ok_or_else(|| VaultError::UnknownKey(id.to_owned()))?;
        decrypt(&cipher(&master), &wrapped, &wrapping_data(user, version))
            .and_then(|key| key.try_into().ok())
            .ok_or_else(|| VaultError::Altered(format!("the key of {user}")))
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
    let place =
        Place { stream, sequence, event: name, version: domain::upcast::current_version(name) };
    for (field, personal) in event.personal() {
        let Some(sealed) = personal.sealed.take() else { continue };
        if let Some(Some(key)) = keys.get(&personal.about) {
            personal.text = Some(key.open(&sealed, &place, field, personal)?);
        }
    }
    Ok(())
}

impl PersonKey {
    fn seal(
        &self,
        text: &str,
        place: &Place<'_>,
        field: &str,
        about: UserId,
    ) -> Result<Sealed, VaultError> {
        let data = place.data(field, about, self.version);
        let sealed = encrypt(&self.cipher, text.as_bytes(), &data)?;
        Ok(Sealed { key: self.version, data: BASE64.encode(sealed) })
    }

    fn open(
        &self,
        sealed: &Sealed,
        place: &Place<'_>,
        field: &str,
        personal: &Personal,
    ) -> Result<String, VaultError> {
        let data = place.data(field, personal.about, sealed.key);
        let bytes = BASE64.decode(&sealed.data).ok();
        bytes
            .and_then(|bytes| decrypt(&self.cipher, &bytes, &data))
            .and_then(|text| String::from_utf8(text).ok())
            .ok_or_else(|| {
                VaultError::Altered(format!("{} {} {field}", place.stream, place.sequence))
            })
    }
}

impl Place<'_> {
    /// What the ciphertext is bound to, each part led by its length.
    fn data(&self, field: &str, about: UserId, key: i32) -> Vec<u8> {
        joined(&[
            b"vetted-personal/v1",
            self.stream.to_string().as_bytes(),
            &self.sequence.to_be_bytes(),
            self.event.as_bytes(),
            self.version.as_bytes(),
            field.as_bytes(),
            about.uuid().as_bytes(),
            &key.to_be_bytes(),
        ])
    }
}

fn wrapping_data(user: UserId, version: i32) -> Vec<u8> {
    joined(&[b"vetted-person-key/v1", user.uuid().as_bytes(), &version.to_be_bytes()])
}

fn bytes_data(purpose: &str, about: UserId, key: i32) -> Vec<u8> {
    let (about, key) = (about.uuid(), key.to_be_bytes());
    joined(&[b"vetted-personal-bytes/v1", purpose.as_bytes(), about.as_bytes(), &key])
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let with_length = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    parts.iter().flat_map(with_length).collect()
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Nonce, ciphertext and tag; the nonce is fresh and random.
fn encrypt(cipher: &Aes256Gcm, text: &[u8], data: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    rand::rng().fill_bytes(&mut nonce);
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: text, aad: data });
    let sealed = sealed.map_err(|_| VaultError::Altered("a text is too long".to_owned()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(cipher: &Aes256Gcm, sealed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: data }).ok()
}

#[async_trait]
impl OpenPersonal for Vault {
    async fn open(&self, recorded: &mut [Recorded]) -> Result<(), BoxedError> {
        Ok(Self::open(self, recorded).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: i64) -> Place<'static> {
        let stream = StreamId { kind: domain::StreamType::Product, id: Uuid::from_u128(5) };
        Place { stream, sequence, event: "ProductRejected", version: "1" }
    }

    fn sealed(key: &PersonKey, text: &str) -> Personal {
        let about = UserId::from_uuid(Uuid::from_u128(7));
        let sealed = key.seal(text, &place(3), "reason", about).unwrap();
        Personal { about, text: None, sealed: Some(sealed) }
    }

    fn key(byte: u8) -> PersonKey {
        PersonKey { version: 1, cipher: Arc::new(cipher(&[byte; 32])) }
    }

    fn opened(key: &PersonKey, personal: &Personal, at: &Place<'_>, field: &str) -> Option<String> {
        key.open(personal.sealed.as_ref()?, at, field, personal).ok()
    }

    #[test]
    fn a_text_is_opened_where_it_was_sealed_and_nowhere_else() {
        let (key, other_key) = (key(1), key(2));
        let personal = sealed(&key, "too dark");

        assert_eq!(opened(&key, &personal, &place(3), "reason").as_deref(), Some("too dark"));

        assert_eq!(opened(&key, &personal, &place(4), "reason"), None);
        assert_eq!(opened(&key, &personal, &place(3), "email"), None);
        assert_eq!(opened(&other_key, &personal, &place(3), "reason"), None);
        let somebody_else = UserId::from_uuid(Uuid::from_u128(8));
        let moved = Personal { about: somebody_else, ..personal };
        assert_eq!(opened(&key, &moved, &place(3), "reason"), None);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = key(1);
        let personal = sealed(&key, "too dark");
        let bytes = BASE64.decode(&personal.sealed.as_ref().unwrap().data).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let sealed = Sealed { key: 1, data: BASE64.encode(changed) };
            assert!(key.open(&sealed, &place(3), "reason", &personal).is_err());
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way_twice() {
        let key = key(1);
        assert_ne!(sealed(&key, "too dark").sealed, sealed(&key, "too dark").sealed);
    }
}
