//! What is kept of second factors: the secret, sealed under the person's key, and the hashes of the recovery
//! codes. Whether one is in force the account's events say.

use domain::UserId;
use pool::{PgConnection, PgPool, Statement};
use secrecy::SecretString;

use crate::error::IdentityError;
use crate::identity::Identity;
use crate::totp::{self, Code};
use crate::vault::Vault;

/// What a secret is sealed for: it can be opened as nothing else.
const PURPOSE: &str = "second factor";

/// What sets an authenticator app up.
pub struct Enrolment {
    /// The secret in base32.
    pub secret: SecretString,
    /// An `otpauth:` address with the secret, for a QR code.
    pub otpauth_url: SecretString,
}

/// The secret that codes are made from.
pub struct FactorSecret {
    sealed: Vec<u8>,
    open: Vec<u8>,
}

impl FactorSecret {
    /// A new one, sealed under the person's key; `None` of a person who was erased.
    pub async fn generate(vault: &Vault, user: UserId) -> Result<Option<Self>, IdentityError> {
        let open = totp::new_secret().to_vec();
        let sealed = vault.seal_bytes(user, PURPOSE, &open).await?;
        Ok(sealed.map(|sealed| Self { sealed, open }))
    }

    /// That of a person, confirmed by a code or not; `None` where there is none.
    pub async fn find(
        pool: &PgPool,
        vault: &Vault,
        user: UserId,
        confirmed: bool,
    ) -> Result<Option<Self>, IdentityError> {
        let sql = "SELECT secret FROM second_factors WHERE user_id = $1 AND confirmed = $2";
        let found = sqlx::query_scalar(sql).bind(user.uuid()).bind(confirmed);
        let found: Option<Vec<u8>> = found.fetch_optional(pool).await?;
        let Some(sealed) = found else { return Ok(None) };
        let open = vault.open_bytes(user, PURPOSE, &sealed).await?;
        Ok(open.map(|open| Self { sealed, open }))
    }

    /// What sets an app up for the account of that name.
    pub fn enrolment(&self, account: &str) -> Result<Enrolment, IdentityError> {
        let otpauth_url = totp::otpauth_url(&self.open, account)?;
        Ok(Enrolment { secret: totp::base32(&self.open), otpauth_url })
    }

    /// The time step in which a code, as a person types it, is right now.
    pub fn time_step(&self, code: &str) -> Result<Option<i64>, IdentityError> {
        totp::time_step(&self.open, &totp::typed(code))
    }

    /// Keeps it in the place of one that was not confirmed; `false` where one is in force. Nothing is kept of
    /// a person who was erased meanwhile: the row of `credentials`, which an erasure deletes, is locked.
    pub async fn keep_unconfirmed(&self, pool: &PgPool, user: UserId) -> Result<bool, sqlx::Error> {
        let kept = sqlx::query(
            "WITH held AS (SELECT 1 FROM credentials WHERE user_id = $1 FOR SHARE)
             INSERT INTO second_factors AS had (user_id, secret) SELECT $1, $2 FROM held
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret WHERE NOT had.confirmed",
        );
        let kept = kept.bind(user.uuid()).bind(&self.sealed).execute(pool).await?;
        Ok(kept.rows_affected() == 1)
    }
}

impl Identity {
    /// What a code is, as far as can be told before it is used: `None` where it is wrong.
    pub async fn read_code(
        &self,
        pool: &PgPool,
        vault: &Vault,
        user: UserId,
        code: &str,
    ) -> Result<Option<Code>, IdentityError> {
        let typed = totp::typed(code);
        if !totp::is_time_based(&typed) {
            return Ok(Some(Code::Recovery(self.recovery_hash(user, &typed))));
        }
        let Some(secret) = FactorSecret::find(pool, vault, user, true).await? else {
            return Ok(None);
        };
        Ok(secret.time_step(&typed)?.map(Code::TimeStep))
    }
}

/// Recovery codes that were not used.
pub async fn recovery_codes_left(pool: &PgPool, user: UserId) -> Result<i64, sqlx::Error> {
    let left = "SELECT count(*) FROM recovery_codes WHERE user_id = $1";
    sqlx::query_scalar(left).bind(user.uuid()).fetch_one(pool).await
}

/// Uses a code up, in the transaction of what it is good for; `false` where it is wrong or was used
/// before. Of two that come with one code at once, the second waits for the first.
pub async fn use_code(
    conn: &mut PgConnection,
    user: UserId,
    code: Code,
) -> Result<bool, sqlx::Error> {
    let outcome = match code {
        Code::TimeStep(step) => {
            let sql = "UPDATE second_factors SET last_step = $2
                       WHERE user_id = $1 AND confirmed AND last_step < $2";
            sqlx::query(sql).bind(user.uuid()).bind(step).execute(conn).await?
        }
        Code::Recovery(hash) => {
            let sql = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
            sqlx::query(sql).bind(user.uuid()).bind(hash.as_slice()).execute(conn).await?
        }
    };
    Ok(outcome.rows_affected() == 1)
}

/// Puts a second factor in force, by a code of that time step, which is used up. What was confirmed is what is in
/// force, whatever was begun meanwhile. `hashes` are of the recovery codes.
pub fn enable(user: UserId, secret: &FactorSecret, step: i64, hashes: &[[u8; 32]]) -> Statement {
    Statement::new(
        "WITH factor AS (
             INSERT INTO second_factors (user_id, secret, confirmed, last_step)
             VALUES ($1, $3, true, $4)
             ON CONFLICT (user_id) DO UPDATE SET secret = $3, confirmed = true, last_step = $4),
         former AS (DELETE FROM recovery_codes WHERE user_id = $1)
         INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])",
    )
    .bind(user.uuid())
    .bind(slices(hashes))
    .bind(secret.sealed.as_slice())
    .bind(step)
}

/// Takes a second factor away, with its recovery codes.
pub fn remove(user: UserId) -> Statement {
    Statement::new(
        "WITH codes AS (DELETE FROM recovery_codes WHERE user_id = $1)
         DELETE FROM second_factors WHERE user_id = $1",
    )
    .bind(user.uuid())
}

/// Puts other recovery codes, by their hashes, in the place of those before.
pub fn replace_recovery_codes(user: UserId, hashes: &[[u8; 32]]) -> Statement {
    Statement::new(
        "WITH former AS (DELETE FROM recovery_codes WHERE user_id = $1)
         INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])",
    )
    .bind(user.uuid())
    .bind(slices(hashes))
}

fn slices(hashes: &[[u8; 32]]) -> Vec<&[u8]> {
    hashes.iter().map(<[u8; 32]>::as_slice).collect()
}
