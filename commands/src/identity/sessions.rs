//! Sessions: login, refresh with rotation, logout.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::user::{Account, User, UserCommand};
use domain::{EmailAddress, SessionId, UserId};
use rand::Rng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use tracing::Instrument;
use uuid::Uuid;

use super::passwords::Verdict;
use super::throttle::Tries;
use super::{Authenticated, access};
use crate::store::{Effect, Side};
use crate::{CommandError, Commands, Context, Reservation};

/// What signing in gives.
pub struct Tokens {
    /// A JWT.
    pub access: SecretString,
    /// Good for one refresh, within 14 days.
    pub refresh: SecretString,
    /// Seconds that `access` lives.
    pub expires_in: u64,
    /// Whose.
    pub user: UserId,
}

const INVALID_CREDENTIALS: CommandError = CommandError::Unauthorized {
    code: "invalid_credentials",
    detail: "The e-mail address or the password is wrong.",
};

/// How long a refresh token that was traded gives the very same answer again, as long as that
/// answer's token has not been used: for a client whose answer was lost, or that asked twice.
const GRACE_SECONDS: f64 = 10.0;

const TOKEN_REUSED: CommandError = CommandError::Unauthorized {
    code: "token_reused",
    detail: "This refresh token has been used before, so its session was ended: sign in again.",
};

impl Commands {
    /// Opens a session for whoever knows the password. `client` stands for the network that whoever
    /// asks has to themselves: an IPv4 address, or the first of an IPv6 /64.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<Tokens, CommandError> {
        let (commands, email, password) = (self.clone(), email.to_owned(), password.to_owned());
        // In a task of its own: whoever hangs up must not be spared the count.
        let recognised = async move { commands.recognise(&email, &password, client).await };
        let user =
            tokio::spawn(recognised.in_current_span()).await.map_err(CommandError::fault)??;
        self.open(user, SessionId::from_uuid(Uuid::now_v7())).await
    }

    /// Whose e-mail address and password these are.
    async fn recognise(
        &self,
        email: &str,
        password: &str,
        client: IpAddr,
    ) -> Result<UserId, CommandError> {
        let lookup =
            email.parse::<EmailAddress>().ok().map(|email| self.parts.identity.lookup(&email));
        let tries = self.parts.identity.tries(lookup.as_deref(), client);
        tries.admit(&self.parts.pool).await?;
        let user = match lookup {
            Some(lookup) => self.parts.store.holder(Reservation::Email.kind(), &lookup).await?,
            None => None,
        };
        let known = self.try_password(&tries, user, password).await?;
        user.filter(|_| known).map(UserId::from_uuid).ok_or(INVALID_CREDENTIALS)
    }

    /// Whether a signed-in person's password is this one.
    pub(crate) async fn knows_password(
        &self,
        user: UserId,
        password: &str,
    ) -> Result<bool, CommandError> {
        let tries = self.parts.identity.tries_of(user);
        tries.admit(&self.parts.pool).await?;
        self.try_password(&tries, Some(user.uuid()), password).await
    }

    /// Verifies a password, counts what comes of it, and hashes it anew where the parameters have
    /// changed since.
    async fn try_password(
        &self,
        tries: &Tries,
        user: Option<Uuid>,
        password: &str,
    ) -> Result<bool, CommandError> {
        let hash = self.credential(user).await?;
        let turn = self.parts.identity.passwords().turn().await?;
        // Others may have used up the budget while this one waited.
        let admitted = tries.admit(&self.parts.pool).await?;
        let (turn, verdict) = turn.verify(password, hash.clone()).await?;
        if verdict == Verdict::Wrong {
            tries.failed(&self.parts.pool, admitted).await?;
            return Ok(false);
        }
        tries.succeeded(&self.parts.pool).await?;
        if verdict == Verdict::Outdated {
            let (_, anew) = turn.hash(password).await?;
            // Unless it has been changed meanwhile.
            sqlx::query("UPDATE credentials SET hash = $1 WHERE user_id = $2 AND hash = $3")
                .bind(anew)
                .bind(user)
                .bind(hash)
                .execute(&self.parts.pool)
                .await?;
        }
        Ok(true)
    }

    async fn credential(&self, user: Option<Uuid>) -> Result<Option<String>, CommandError> {
        let hash = sqlx::query_scalar("SELECT hash FROM credentials WHERE user_id = $1")
            .bind(user.unwrap_or_default())
            .fetch_optional(&self.parts.pool)
            .await?;
        Ok(hash)
    }

    async fn open(&self, user: UserId, session: SessionId) -> Result<Tokens, CommandError> {
        let account = self.active_account(user).await?;
        let mut tx = self.parts.pool.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (id, user_id, expires_at)
             VALUES ($1, $2, now() + interval '14 days')",
        )
        .bind(session.uuid())
        .bind(user.uuid())
        .execute(&mut *tx)
        .await?;
        let who = Authenticated { user, role: account.role, session };
        let mut refresh = [0; 32];
        rand::rng().fill_bytes(&mut refresh);
        let tokens = self.issue(&mut tx, who, BASE64.encode(refresh)).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    async fn active_account(&self, user: UserId) -> Result<Account, CommandError> {
        let account =
            self.load::<User>(user).await?.account().cloned().ok_or(INVALID_CREDENTIALS)?;
        if account.deactivated {
            return Err(CommandError::Forbidden {
                code: "account_deactivated",
                detail: "This account has been deactivated: ask an administrator.",
            });
        }
        if !account.activated {
            return Err(CommandError::Forbidden {
                code: "account_not_activated",
                detail: "Open the link in the activation mail first, or ask for another one.",
            });
        }
        Ok(account)
    }

    async fn issue(
        &self,
        conn: &mut PgConnection,
        who: Authenticated,
        refresh: String,
    ) -> Result<Tokens, CommandError> {
        sqlx::query(
            "INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(digest(&refresh))
        .bind(who.session.uuid())
        .execute(&mut *conn)
        .await?;
        let head = sqlx::query_scalar("SELECT position FROM log_head").fetch_one(conn).await?;
        Ok(Tokens {
            access: self.parts.identity.access().issue(who, head)?.into(),
            refresh: refresh.into(),
            expires_in: access::LIFETIME,
            user: who.user,
        })
    }

    /// Trades a refresh token for new tokens. One that comes again after its grace, or after its
    /// successor was used, ends its session.
    pub async fn refresh(&self, context: &Context, refresh: &str) -> Result<Tokens, CommandError> {
        let mut conn = self.parts.pool.acquire().await?;
        let row = find(&mut conn, refresh).await?.ok_or(access::invalid_token())?;
        drop(conn);
        let account = self.active_account(row.user).await?;
        let mut tx = self.parts.pool.begin().await?;
        let row = find(&mut tx, refresh).await?.ok_or(access::invalid_token())?;
        if row.over {
            return Err(access::invalid_token());
        }
        // The successor follows from the token, so that the same answer can be given again
        // without being stored.
        let successor = BASE64.encode(self.parts.identity.successor(refresh));
        if row.used && !(row.within_grace && is_unused(&mut tx, &successor).await?) {
            tx.commit().await?;
            self.end_session(context, row.user, row.session).await?;
            return Err(TOKEN_REUSED);
        }
        sqlx::query("UPDATE refresh_tokens SET used_at = coalesce(used_at, now()) WHERE hash = $1")
            .bind(digest(refresh))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE sessions SET last_used_at = now() WHERE id = $1")
            .bind(row.session.uuid())
            .execute(&mut *tx)
            .await?;
        let who = Authenticated { user: row.user, role: account.role, session: row.session };
        let tokens = self.issue(&mut tx, who, successor).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Ends the caller's session; the refresh token must be of the caller.
    pub async fn logout(&self, context: &Context, refresh: &str) -> Result<(), CommandError> {
        let mut conn = self.parts.pool.acquire().await?;
        let row = find(&mut conn, refresh).await?.ok_or(access::invalid_token())?;
        drop(conn);
        if !context.actor().is(row.user) {
            return Err(access::invalid_token());
        }
        self.end_session(context, row.user, row.session).await?;
        match context.metadata.session_id {
            Some(own) if own != row.session => self.end_session(context, row.user, own).await,
            _ => Ok(()),
        }
    }

    /// The sessions of a person that are open, newest first.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, CommandError> {
        Ok(sqlx::query_as(
            "SELECT id, created_at, last_used_at, expires_at FROM sessions
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
             ORDER BY created_at DESC, id DESC",
        )
        .bind(user.uuid())
        .fetch_all(&self.parts.pool)
        .await?)
    }

    /// Ends one of a person's open sessions; `false` where they have no such session.
    pub async fn end_own_session(
        &self,
        context: &Context,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, CommandError> {
        let known = self.sessions(user).await?.iter().any(|open| open.id == session);
        if known {
            self.end_session(context, user, session).await?;
        }
        Ok(known)
    }

    async fn end_session(
        &self,
        context: &Context,
        user: UserId,
        session: SessionId,
    ) -> Result<(), CommandError> {
        self.execute_with::<User, _>(&context.elsewhere(), user, move |_| {
            let side = Side { effects: vec![Effect::EndSession(session)], ..Side::default() };
            Ok((UserCommand::EndSession { session }, side))
        })
        .await
        .map(drop)
    }
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Which.
    #[sqlx(try_from = "Uuid")]
    pub id: SessionId,
    /// When its person signed in.
    pub created_at: OffsetDateTime,
    /// When its tokens were last refreshed.
    pub last_used_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

struct Found {
    user: UserId,
    session: SessionId,
    used: bool,
    within_grace: bool,
    over: bool,
}

/// Locked, so that of two refreshes with one token the second sees that it was used.
async fn find(conn: &mut PgConnection, refresh: &str) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT user_id, session_id, used_at IS NOT NULL AS used,
                coalesce(used_at > now() - make_interval(secs => $2), false) AS within_grace,
                ended_at IS NOT NULL OR expires_at < now() AS over
         FROM refresh_tokens JOIN sessions ON sessions.id = session_id
         WHERE hash = $1 FOR UPDATE OF refresh_tokens",
    )
    .bind(digest(refresh))
    .bind(GRACE_SECONDS)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Found {
            user: UserId::from_uuid(row.try_get("user_id")?),
            session: SessionId::from_uuid(row.try_get("session_id")?),
            used: row.try_get("used")?,
            within_grace: row.try_get("within_grace")?,
            over: row.try_get("over")?,
        })
    })
    .transpose()
}

async fn is_unused(conn: &mut PgConnection, refresh: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1 AND used_at IS NULL)",
    )
    .bind(digest(refresh))
    .fetch_one(conn)
    .await
}

fn digest(refresh: &str) -> Vec<u8> {
    Sha256::digest(refresh.as_bytes()).to_vec()
}
