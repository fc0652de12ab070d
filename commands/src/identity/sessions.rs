//! Sessions: opened, refreshed with rotation, ended.
//!
//! Tokens are issued under a lock on the account's row in `credentials`, which every act that ends
//! access takes too (`store/access.rs`): of the two, the second sees what the first has done.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::user::{User, UserCommand};
use domain::{Role, SecurityEvent, SessionId, UserId};
use pool::PgConnection;
use rand::Rng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::access::Limit;
use super::challenge::Recognised;
use super::second_factor::use_code;
use super::sign_ins::{Origin, SignIn};
use super::totp::Code;
use super::{Authenticated, access};
use crate::store::{Effect, Side};
use crate::{CommandError, Commands, Context};

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

pub(super) const INVALID_CREDENTIALS: CommandError = CommandError::Unauthorized {
    code: "invalid_credentials",
    detail: "The e-mail address or the password is wrong.",
};

const ACCOUNT_DEACTIVATED: CommandError = CommandError::Forbidden {
    code: "account_deactivated",
    detail: "This account has been deactivated: ask an administrator.",
};

const ACCOUNT_NOT_ACTIVATED: CommandError = CommandError::Forbidden {
    code: "account_not_activated",
    detail: "Open the link in the activation mail first, or ask for another one.",
};

/// How long a refresh token that was traded gives the very same answer again, as long as that
/// answer's token has not been used: for a client whose answer was lost, or that asked twice.
const GRACE_SECONDS: f64 = 10.0;

const TOKEN_REUSED: CommandError = CommandError::Unauthorized {
    code: "token_reused",
    detail: "This refresh token has been used before, so its session was ended: sign in again.",
};

/// What an account's tokens are issued on, while its row is locked.
struct Access {
    user: UserId,
    role: Role,
    generation: i64,
    limit: Option<Limit>,
    has_second_factor: bool,
}

/// What somebody who signs in has given.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    Password,
    /// The password, and this.
    Code(Code),
}

/// What came of opening a session.
pub(super) enum Opened {
    Session(Tokens),
    /// The password is not enough.
    FactorNeeded,
    WrongCode,
    /// An act has ended access since the person was recognised.
    Stale,
}

impl Proof {
    /// What the journal calls it.
    const fn method(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code(code) => code.method(),
        }
    }
}

impl Commands {
    /// Opens a session on the access generation that the person was recognised on, and uses a code up
    /// in the same transaction.
    pub(super) async fn open(
        &self,
        Recognised { user, generation }: Recognised,
        proof: Proof,
        origin: &Origin,
    ) -> Result<Opened, CommandError> {
        let mut tx = self.parts.writes.begin().await?;
        let access = self.lock_access(&mut tx, user).await?;
        if access.generation != generation {
            return Ok(Opened::Stale);
        }
        match proof {
            Proof::Password if access.has_second_factor => return Ok(Opened::FactorNeeded),
            Proof::Code(code) if !use_code(&mut tx, user, code).await? => {
                return Ok(Opened::WrongCode);
            }
            Proof::Password | Proof::Code(_) => {}
        }
        let session = SessionId::from_uuid(Uuid::now_v7());
        sqlx::query(
            "INSERT INTO sessions (id, user_id, expires_at)
             VALUES ($1, $2, now() + interval '14 days')",
        )
        .bind(session.uuid())
        .bind(user.uuid())
        .execute(&mut *tx)
        .await?;
        let mut refresh = [0; 32];
        rand::rng().fill_bytes(&mut refresh);
        let tokens = self.issue(&mut tx, &access, session, BASE64.encode(refresh)).await?;
        let (session, detail) = (Some(session), Some(proof.method()));
        let sign_in = SignIn { user, event: SecurityEvent::SignedIn, session, detail };
        sign_in.keep(&mut tx, Some(&origin.region)).await?;
        tx.commit().await?;
        sign_in.tell(origin);
        Ok(Opened::Session(tokens))
    }

    /// An account that may be issued tokens, with its row locked: no act ends its access before the
    /// transaction is over, and the events of all earlier ones can be read.
    async fn lock_access(
        &self,
        conn: &mut PgConnection,
        user: UserId,
    ) -> Result<Access, CommandError> {
        let sql = "SELECT FROM credentials WHERE user_id = $1 FOR SHARE";
        sqlx::query(sql)
            .bind(user.uuid())
            .fetch_optional(conn)
            .await?
            .ok_or(INVALID_CREDENTIALS)?;
        let state = self.parts.store.load_sealed::<User>(user).await?;
        let account = state.account().ok_or(INVALID_CREDENTIALS)?;
        if account.deactivated {
            return Err(ACCOUNT_DEACTIVATED);
        }
        if !account.activated {
            return Err(ACCOUNT_NOT_ACTIVATED);
        }
        Ok(Access {
            user,
            role: account.role,
            generation: account.access_generation,
            limit: self.limit(account),
            has_second_factor: account.has_second_factor,
        })
    }

    async fn issue(
        &self,
        conn: &mut PgConnection,
        access: &Access,
        session: SessionId,
        refresh: String,
    ) -> Result<Tokens, CommandError> {
        sqlx::query(
            "INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(digest(&refresh))
        .bind(session.uuid())
        .execute(conn)
        .await?;
        let Access { user, role, generation, limit, .. } = *access;
        let who = Authenticated { user, role, session, limit };
        Ok(Tokens {
            access: self.parts.identity.access().issue(who, generation)?.into(),
            refresh: refresh.into(),
            expires_in: access::LIFETIME,
            user,
        })
    }

    /// Trades a refresh token for new tokens. One that comes again after its grace, or after its
    /// successor was used, ends its session.
    pub async fn refresh(&self, context: &Context, refresh: &str) -> Result<Tokens, CommandError> {
        let found = self.find(refresh).await?;
        let mut tx = self.parts.writes.begin().await?;
        let access = match self.lock_access(&mut tx, found.user).await {
            Err(CommandError::Unauthorized { .. }) => return Err(access::invalid_token()),
            access => access?,
        };
        let row = self.find_in(&mut tx, refresh, "FOR UPDATE").await?;
        if row.over {
            return Err(access::invalid_token());
        }
        // The successor follows from the token, so that the same answer can be given again
        // without being stored.
        let successor = BASE64.encode(self.parts.identity.successor(refresh));
        if row.used && !(row.within_grace && is_unused(&mut tx, &successor).await?) {
            tx.commit().await?;
            self.note_reuse(context, row.user, row.session).await?;
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
        let tokens = self.issue(&mut tx, &access, row.session, successor).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Ends the caller's session; the refresh token must be of the caller.
    pub async fn logout(&self, context: &Context, refresh: &str) -> Result<(), CommandError> {
        let row = self.find(refresh).await?;
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

    /// Ends all of a person's sessions.
    pub async fn end_all_sessions(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<(), CommandError> {
        self.execute::<User>(context, user, UserCommand::EndAllSessions).await.map(drop)
    }

    async fn find(&self, refresh: &str) -> Result<Found, CommandError> {
        let mut conn = self.parts.pool.acquire().await?;
        self.find_in(&mut conn, refresh, "").await
    }

    /// A refresh token with its session. Locked, of two refreshes with one token the second sees
    /// that it was used, and one beside a logout that the session has ended.
    async fn find_in(
        &self,
        conn: &mut PgConnection,
        refresh: &str,
        lock: &str,
    ) -> Result<Found, CommandError> {
        let sql = format!("{FIND} {lock}");
        let found = sqlx::query_as(&sql)
            .bind(digest(refresh))
            .bind(GRACE_SECONDS)
            .bind(self.parts.identity.session_idle_days());
        found.fetch_optional(conn).await?.ok_or(access::invalid_token())
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

#[derive(sqlx::FromRow)]
struct Found {
    #[sqlx(try_from = "Uuid")]
    user: UserId,
    #[sqlx(try_from = "Uuid")]
    session: SessionId,
    used: bool,
    within_grace: bool,
    over: bool,
}

const FIND: &str = "SELECT user_id AS user, session_id AS session, used_at IS NOT NULL AS used,
           coalesce(used_at > now() - make_interval(secs => $2), false) AS within_grace,
           ended_at IS NOT NULL OR expires_at < now()
               OR last_used_at < now() - make_interval(days => $3) AS over
    FROM refresh_tokens JOIN sessions ON sessions.id = session_id
    WHERE hash = $1";

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
