//! Persons' keys in the database, each wrapped by a key of the secrets file.

use std::collections::{HashMap, HashSet};

use domain::UserId;
use rand::Rng;
use sqlx::Row;
use uuid::Uuid;

use super::Vault;
use super::cipher::{cipher, decrypt, encrypt, joined};
use super::error::VaultError;
use super::key::PersonKey;

impl Vault {
    /// Makes keys for those who have none; who was erased gets none again.
    pub(super) async fn keys_or_new(
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
    pub(super) async fn keys(
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
            let key = key.map(|key| PersonKey::new(version, &key));
            self.keys.insert(user, key.clone());
            known.insert(user, key);
        }
        Ok(known)
    }

    pub(super) fn wrap(
        &self,
        user: UserId,
        version: i32,
        key: &[u8; 32],
    ) -> Result<(String, Vec<u8>), VaultError> {
        let (id, master) = self.keyring.wrapping().newest();
        Ok((id, encrypt(&cipher(&master), key, &wrapping_data(user, version))?))
    }

    pub(super) fn unwrap(
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

fn wrapping_data(user: UserId, version: i32) -> Vec<u8> {
    joined(&[b"vetted-person-key/v1", user.uuid().as_bytes(), &version.to_be_bytes()])
}
