//! Sessions and their refresh tokens: opened, refreshed with rotation, proved.
//!
//! Tokens are issued under a lock on the account's row in `credentials` ([`lock`](crate::credentials::lock)).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::{Role, SessionId, UserId};
use pool::{PgConnection, PgPool, Statement};
use rand::Rng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::access::{ACCESS_LIFETIME, Authenticated, Limit};
use crate::error::IdentityError;
use crate::identity::Identity;
use crate::media_links::MediaHolder;

/// How long a refresh token that was traded gives the very same answer again, as long as that
/// answer's token has not been used: for a client whose answer was lost, or that asked twice.
const GRACE_SECONDS: f64 = 10.0;
/// Minutes for which a proof of who one is counts as recent.
const RECENT_MINUTES: i32 = 5;

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

/// What an account's tokens are issued on, while its row is locked.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The account.
    pub user: UserId,
    /// Its role.
    pub role: Role,
    /// Its access generation.
    pub generation: i64,
    /// What it has to do before anything else.
    pub limit: Option<Limit>,
}

/// A refresh token with its session.
#[derive(sqlx::FromRow)]
pub struct FoundToken {
    /// Whose it is.
    #[sqlx(try_from = "Uuid")]
    pub user: UserId,
    /// The session.
    #[sqlx(try_from = "Uuid")]
    pub session: SessionId,
    used: bool,
    within_grace: bool,
    /// Whether its session has ended.
    pub over: bool,
}

const FIND: &str = "SELECT user_id AS user, session_id AS session, used_at IS NOT NULL AS used,
           coalesce(used_at > now() - make_interval(secs => $2), false) AS within_grace,
           ended_at IS NOT NULL OR expires_at < now()
               OR last_used_at < now() - make_interval(days => $3) AS over
    FROM refresh_tokens JOIN sessions ON sessions.id = session_id
    WHERE hash = $1";

impl Identity {
    /// Opens a session.
    pub async fn open_session(
        &self,
        conn: &mut PgConnection,
        access: &Access,
    ) -> Result<(SessionId, Tokens), IdentityError> {
        let session = SessionId::from_uuid(Uuid::now_v7());
        sqlx::query(
            "INSERT INTO sessions (id, user_id, expires_at)
             VALUES ($1, $2, now() + interval '14 days')",
        )
        .bind(session.uuid())
        .bind(access.user.uuid())
        .execute(&mut *conn)
        .await?;
        let mut refresh = [0; 32];
        rand::rng().fill_bytes(&mut refresh);
        let tokens = self.issue(conn, access, session, BASE64.encode(refresh)).await?;
        Ok((session, tokens))
    }

    /// A refresh token, if there is such a one.
    pub async fn find_token(
        &self,
        conn: &mut PgConnection,
        refresh: &str,
    ) -> Result<Option<FoundToken>, sqlx::Error> {
        self.find(conn, refresh, "").await
    }

    /// Finds a refresh token and locks its session: of two refreshes with one token the second sees that it was
    /// used, and one beside a logout that the session has ended.
    pub async fn lock_token(
        &self,
        conn: &mut PgConnection,
        refresh: &str,
    ) -> Result<Option<FoundToken>, sqlx::Error> {
        self.find(conn, refresh, "FOR UPDATE").await
    }

    async fn find(
        &self,
        conn: &mut PgConnection,
        refresh: &str,
        lock: &str,
    ) -> Result<Option<FoundToken>, sqlx::Error> {
        let sql = format!("{FIND} {lock}");
        let found = sqlx::query_as(&sql).bind(digest(refresh));
        let found = found.bind(GRACE_SECONDS).bind(self.session_idle_days());
        found.fetch_optional(conn).await
    }

    /// Whether a refresh token may be traded: for the first time, or again while the first answer may have
    /// been lost.
    pub async fn may_be_traded(
        &self,
        conn: &mut PgConnection,
        found: &FoundToken,
        refresh: &str,
    ) -> Result<bool, sqlx::Error> {
        if !found.used {
            return Ok(true);
        }
        Ok(found.within_grace && is_unused(conn, &self.successor_of(refresh)).await?)
    }

    /// Trades a refresh token for new tokens.
    pub async fn trade(
        &self,
        conn: &mut PgConnection,
        access: &Access,
        session: SessionId,
        refresh: &str,
    ) -> Result<Tokens, IdentityError> {
        sqlx::query("UPDATE refresh_tokens SET used_at = coalesce(used_at, now()) WHERE hash = $1")
            .bind(digest(refresh))
            .execute(&mut *conn)
            .await?;
        sqlx::query("UPDATE sessions SET last_used_at = now() WHERE id = $1")
            .bind(session.uuid())
            .execute(&mut *conn)
            .await?;
        self.issue(conn, access, session, self.successor_of(refresh)).await
    }

    /// It follows from the token, so that the same answer can be given again without being stored.
    fn successor_of(&self, refresh: &str) -> String {
        BASE64.encode(self.successor(refresh))
    }

    async fn issue(
        &self,
        conn: &mut PgConnection,
        access: &Access,
        session: SessionId,
        refresh: String,
    ) -> Result<Tokens, IdentityError> {
        sqlx::query(
            "INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(digest(&refresh))
        .bind(session.uuid())
        .execute(conn)
        .await?;
        let Access { user, role, generation, limit } = *access;
        let who = Authenticated { user, role, session, limit };
        Ok(Tokens {
            access: self.access().issue(who, generation)?.into(),
            refresh: refresh.into(),
            expires_in: ACCESS_LIFETIME.as_secs(),
            user,
        })
    }
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

/// The sessions of a person that are open, newest first.
pub async fn open_sessions(pool: &PgPool, user: UserId) -> Result<Vec<Session>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, created_at, last_used_at, expires_at FROM sessions
         WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
         ORDER BY created_at DESC, id DESC",
    )
    .bind(user.uuid())
    .fetch_all(pool)
    .await
}

/// Whether a session is open.
pub async fn is_open(pool: &PgPool, holder: MediaHolder) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND user_id = $2
                        AND ended_at IS NULL AND expires_at > now())",
    )
    .bind(holder.session.uuid())
    .bind(holder.user.uuid())
    .fetch_one(pool)
    .await
}

/// Notes that a session's person has just proved who they are.
pub async fn note_proof(
    conn: &mut PgConnection,
    user: UserId,
    session: SessionId,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sessions SET authenticated_at = now() WHERE id = $1 AND user_id = $2")
        .bind(session.uuid())
        .bind(user.uuid())
        .execute(conn)
        .await
        .map(drop)
}

/// Whether a session's person has proved within the last 5 minutes who they are.
pub async fn is_recently_proved(pool: &PgPool, session: SessionId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND ended_at IS NULL
                        AND authenticated_at > now() - make_interval(mins => $2))",
    )
    .bind(session.uuid())
    .bind(RECENT_MINUTES)
    .fetch_one(pool)
    .await
}

/// Ends a session.
pub fn end(session: SessionId) -> Statement {
    Statement::new("UPDATE sessions SET ended_at = now() WHERE id = $1 AND ended_at IS NULL")
        .bind(session.uuid())
}
