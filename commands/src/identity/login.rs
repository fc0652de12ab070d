//! Signing in with a password, and proving once more who one is.

use std::net::IpAddr;

use domain::user::User;
use domain::{EmailAddress, SessionId, UserId};
use tracing::Instrument;
use uuid::Uuid;

use super::access::Limit;
use super::passwords::Verdict;
use super::sessions::{INVALID_CREDENTIALS, Tokens};
use super::throttle::Tries;
use crate::{CommandError, Commands, Reservation};

/// Tries to open a session while others keep ending access to the account.
const TRIES: usize = 3;
/// Minutes for which a proof of who one is counts as recent.
const RECENT_MINUTES: i32 = 5;

/// An account whose password was given.
struct Recognised {
    user: UserId,
    /// The access generation that the password was verified on.
    generation: i64,
}

impl Commands {
    /// What an account has to do before it may do anything else.
    pub async fn limit_of(&self, user: UserId) -> Result<Option<Limit>, CommandError> {
        let state = self.recall::<User>(user, 1).await?;
        Ok(state.account().and_then(Limit::of))
    }

    /// Opens a session for a person who knows the password. `client` stands for the network that
    /// the caller has to themselves: an IPv4 address, or the first of an IPv6 /64.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<Tokens, CommandError> {
        let (commands, email, password) = (self.clone(), email.to_owned(), password.to_owned());
        let opened = async move {
            for _ in 0..TRIES {
                let Recognised { user, generation } =
                    commands.recognise(&email, &password, client).await?;
                if let Some(tokens) = commands.open(user, generation).await? {
                    return Ok(tokens);
                }
            }
            Err(CommandError::Busy)
        };
        // In a task of its own: a client that hangs up must not be spared the count.
        tokio::spawn(opened.in_current_span()).await.map_err(CommandError::fault)?
    }

    /// Whose e-mail address and password these are.
    async fn recognise(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<Recognised, CommandError> {
        let lookup =
            email.parse::<EmailAddress>().ok().map(|email| self.parts.identity.lookup(&email));
        let tries = self.parts.identity.tries(lookup.as_deref(), client);
        tries.admit(&self.parts.pool).await?;
        let user = match lookup {
            Some(lookup) => self.parts.store.holder(Reservation::Email.kind(), &lookup).await?,
            None => None,
        };
        let generation = self.try_password(&tries, user, password).await?;
        let known = user.map(UserId::from_uuid).zip(generation);
        let (user, generation) = known.ok_or(INVALID_CREDENTIALS)?;
        Ok(Recognised { user, generation })
    }

    /// Whether a signed-in person's password is this one.
    pub(crate) async fn knows_password(
        &self,
        user: UserId,
        password: &str,
    ) -> Result<bool, CommandError> {
        let tries = self.parts.identity.tries_of(user);
        tries.admit(&self.parts.pool).await?;
        Ok(self.try_password(&tries, Some(user.uuid()), password).await?.is_some())
    }

    /// Notes that a session's person has proved who they are; `false` with a wrong password.
    pub async fn reauthenticate(
        &self,
        user: UserId,
        session: SessionId,
        password: &str,
    ) -> Result<bool, CommandError> {
        if !self.knows_password(user, password).await? {
            return Ok(false);
        }
        sqlx::query("UPDATE sessions SET authenticated_at = now() WHERE id = $1 AND user_id = $2")
            .bind(session.uuid())
            .bind(user.uuid())
            .execute(&self.parts.pool)
            .await?;
        Ok(true)
    }

    /// Whether a session's person has proved within the last 5 minutes who they are.
    pub async fn is_recently_authenticated(
        &self,
        session: SessionId,
    ) -> Result<bool, CommandError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND ended_at IS NULL
                            AND authenticated_at > now() - make_interval(mins => $2))",
        )
        .bind(session.uuid())
        .bind(RECENT_MINUTES)
        .fetch_one(&self.parts.pool)
        .await?)
    }

    /// Verifies a password, counts what comes of it, and hashes it again where the parameters have
    /// changed since. Gives the access generation that the password was verified on.
    async fn try_password(
        &self,
        tries: &Tries,
        user: Option<Uuid>,
        password: &str,
    ) -> Result<Option<i64>, CommandError> {
        let (hash, generation) = self.credential(user).await?.unzip();
        let turn = self.parts.identity.passwords().turn().await?;
        // Others may have used up the budget while this one waited.
        let admitted = tries.admit(&self.parts.pool).await?;
        let (turn, verdict) = turn.verify(password, hash.clone()).await?;
        if verdict == Verdict::Wrong {
            tries.failed(&self.parts.pool, admitted).await?;
            return Ok(None);
        }
        tries.succeeded(&self.parts.pool).await?;
        if verdict == Verdict::Outdated {
            let (_, current) = turn.hash(password).await?;
            // Unless it has been changed meanwhile.
            sqlx::query("UPDATE credentials SET hash = $1 WHERE user_id = $2 AND hash = $3")
                .bind(current)
                .bind(user)
                .bind(hash)
                .execute(&self.parts.pool)
                .await?;
        }
        Ok(generation)
    }

    /// An account's password hash, with the access generation that it is of.
    async fn credential(&self, user: Option<Uuid>) -> Result<Option<(String, i64)>, CommandError> {
        let sql = "SELECT hash, access_generation FROM credentials WHERE user_id = $1";
        let found = sqlx::query_as(sql).bind(user.unwrap_or_default());
        Ok(found.fetch_optional(&self.parts.pool).await?)
    }
}
