//! Wrapping persons' keys again, and proving by them whose secrets these are.

use domain::UserId;
use sqlx::Row;

use super::Vault;
use super::error::VaultError;

/// Rows that are wrapped again in one transaction.
const BATCH: i64 = 500;

impl Vault {
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
}
