//! Passwords of accounts, as their hashes. An account's row here also is the lock that issuing tokens and ending
//! access take: of the two, the second sees what the first has done.

use domain::UserId;
use pool::{PgConnection, PgPool, Statement};

use crate::error::IdentityError;
use crate::identity::Identity;
use crate::passwords::PasswordCheck;
use crate::throttle::Tries;

impl Identity {
    /// Verifies a password, counts what comes of it, and hashes it again where the parameters have
    /// changed since. Gives the access generation that the password was verified on.
    pub async fn try_password(
        &self,
        pool: &PgPool,
        tries: &Tries,
        user: Option<UserId>,
        password: &str,
    ) -> Result<Option<i64>, IdentityError> {
        let (hash, generation) = find(pool, user).await?.unzip();
        let turn = self.passwords().turn().await?;
        // Others may have used up the budget while this one waited.
        let admitted = tries.admit(pool).await?;
        let (turn, verdict) = turn.verify(password, hash.clone()).await?;
        if verdict == PasswordCheck::Wrong {
            tries.failed(pool, admitted).await?;
            return Ok(None);
        }
        tries.succeeded(pool).await?;
        if verdict == PasswordCheck::Outdated {
            let (_, current) = turn.hash(password).await?;
            // Unless it has been changed meanwhile.
            sqlx::query("UPDATE credentials SET hash = $1 WHERE user_id = $2 AND hash = $3")
                .bind(current)
                .bind(user.map(UserId::uuid))
                .bind(hash)
                .execute(pool)
                .await?;
        }
        Ok(generation)
    }
}

/// An account's password hash, with the access generation that it is of.
async fn find(pool: &PgPool, user: Option<UserId>) -> Result<Option<(String, i64)>, sqlx::Error> {
    let sql = "SELECT hash, access_generation FROM credentials WHERE user_id = $1";
    let found = sqlx::query_as(sql).bind(user.map(UserId::uuid).unwrap_or_default());
    found.fetch_optional(pool).await
}

/// Locks an account's row: no act ends its access before the transaction is over, and the events of all
/// earlier ones can be read. `false` where there is none.
pub async fn lock(conn: &mut PgConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let sql = "SELECT FROM credentials WHERE user_id = $1 FOR SHARE";
    Ok(sqlx::query(sql).bind(user.uuid()).fetch_optional(conn).await?.is_some())
}

/// Gives an account a password, by its hash (a PHC string).
pub fn set(user: UserId, hash: &str) -> Statement {
    Statement::new(
        "INSERT INTO credentials (user_id, hash) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET hash = $2, changed_at = now()",
    )
    .bind(user.uuid())
    .bind(hash)
}

/// Has no password open the account until another one is set: none has an empty hash.
pub fn lock_password(user: UserId) -> Statement {
    Statement::new("UPDATE credentials SET hash = '', changed_at = now() WHERE user_id = $1")
        .bind(user.uuid())
}
