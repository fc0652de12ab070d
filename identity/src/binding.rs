//! Ties a database to its secrets file, by a check value that the first start writes. With other
//! keys every login would fail, and a registered address would get a second account.

use std::path::{Path, PathBuf};

use pool::{PgPool, sqlstate};
use sqlx::PgExecutor;
use subtle::ConstantTimeEq;

use crate::secrets::{Secrets, SecretsError};
use crate::vault::{Vault, VaultError};

/// An advisory lock that starts take in turn: "vettkeys".
const LOCK: i64 = 0x7665_7474_6b65_7973;
const UNDEFINED_TABLE: &str = "42P01";

/// What is done where there are no secrets yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// They are made, if the database has no events.
    Create,
    /// Nothing is made.
    Leave,
}

/// Why a secrets file can't be used with a database; the text is meant for the program's user.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The file can't be used at all.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A person's key can't be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There is no file, but there are data of one.
    #[error(
        "SECRETS_FILE {0} does not exist, and this database needs the keys that were in it: put \
         the file back from a backup, or set SECRETS_FILE to where it is"
    )]
    Missing(PathBuf),
}

/// Refuses a secrets file that is not this database's. Passes where no start has written the check
/// value yet.
pub async fn compare(pool: &PgPool, path: &Path) -> Result<(), BindingError> {
    match check_value(pool).await? {
        Some(value) => matching(path, &value).map(drop),
        None => Ok(()),
    }
}

/// This database's secrets. With [`IfMissing::Create`] the database is tied to them; with
/// [`IfMissing::Leave`] a database without events is read with keys that are kept nowhere.
pub async fn secrets_of(
    pool: &PgPool,
    path: &Path,
    missing: IfMissing,
) -> Result<Secrets, BindingError> {
    if let Some(value) = check_value(pool).await? {
        return matching(path, &value);
    }
    if missing == IfMissing::Create {
        return tie(pool, path).await;
    }
    match (Secrets::find(path)?, has_events(pool).await?) {
        (Some(secrets), _) => proven(pool, path, secrets).await,
        (None, true) => Err(BindingError::Missing(path.to_owned())),
        (None, false) => Ok(Secrets::unsaved(path)?),
    }
}

/// Whether these bytes are the secrets file of a database with that check value.
pub fn secrets_belong(bytes: &[u8], check_value: &[u8]) -> bool {
    let secrets = Secrets::parse(Path::new("SECRETS_FILE"), bytes);
    secrets.is_some_and(|secrets| secrets.check_value().ct_eq(check_value).into())
}

/// One start at a time: the second one finds the check value of the first, and makes no file.
async fn tie(pool: &PgPool, path: &Path) -> Result<Secrets, BindingError> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    if let Some(value) = check_value(&mut *tx).await? {
        return matching(path, &value);
    }
    let secrets = match Secrets::find(path)? {
        Some(secrets) => proven(pool, path, secrets).await?,
        None if has_events(&mut *tx).await? => return Err(BindingError::Missing(path.to_owned())),
        None => Secrets::load_or_create(path)?,
    };
    let insert = "INSERT INTO secrets_check (value) VALUES ($1)";
    sqlx::query(insert).bind(secrets.check_value().as_slice()).execute(&mut *tx).await?;
    tx.commit().await?;
    secrets.complete();
    Ok(secrets)
}

/// Of a database that is older than the check value: a person's key that is wrapped by a key of the
/// file is a proof. Where nobody has a key there is nothing to prove it by.
async fn proven(pool: &PgPool, path: &Path, secrets: Secrets) -> Result<Secrets, BindingError> {
    match Vault::try_new(pool.clone(), &secrets)?.opens_a_key().await? {
        Some(false) => Err(SecretsError::Foreign(path.to_owned()).into()),
        Some(true) | None => Ok(secrets),
    }
}

fn matching(path: &Path, value: &[u8]) -> Result<Secrets, BindingError> {
    let secrets = Secrets::find(path)?.ok_or_else(|| BindingError::Missing(path.to_owned()))?;
    if bool::from(secrets.check_value().ct_eq(value)) {
        secrets.complete();
        Ok(secrets)
    } else {
        Err(SecretsError::Foreign(path.to_owned()).into())
    }
}

/// `None` also where the database has not been migrated that far.
async fn check_value(db: impl PgExecutor<'_>) -> Result<Option<Vec<u8>>, sqlx::Error> {
    match sqlx::query_scalar("SELECT value FROM secrets_check").fetch_optional(db).await {
        Err(error) if sqlstate(&error).is_some_and(|code| code == UNDEFINED_TABLE) => Ok(None),
        other => other,
    }
}

async fn has_events(db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM events)").fetch_one(db).await
}
