//! Sessions: opened, refreshed with rotation, ended.
//!
//! Tokens are issued under a lock on the account's row in `credentials`, which every act that ends
//! access takes too (`identity::ending`): of the two, the second sees what the first has done.

use domain::user::{User, UserCommand};
use domain::{SecurityEvent, SessionId, UserId};
use identity::second_factor::use_code;
use identity::{
    Access, Code, FoundToken, Origin, Recognised, Session, SignIn, Standing, Tokens, credentials,
    sessions,
};
use pool::PgConnection;

use crate::store::Side;
use crate::{CommandError, Commands, Context};

pub(crate) const INVALID_CREDENTIALS: CommandError = CommandError::Unauthorized {
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

const TOKEN_REUSED: CommandError = CommandError::Unauthorized {
    code: "token_reused",
    detail: "This refresh token has been used before, so its session was ended: sign in again.",
};

/// What an account's tokens are issued on, while its row is locked.
struct Locked {
    access: Access,
    has_second_factor: bool,
}

/// What somebody who signs in has given.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    Password,
    /// The password, and this.
    Code(Code),
}

/// What came of opening a session.
pub(crate) enum Opened {
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
    /// Who a bearer token speaks for, if it still does.
    pub fn authenticate(&self, bearer: &str) -> Result<Standing, CommandError> {
        self.parts.identity.authenticate(bearer).ok_or(CommandError::INVALID_TOKEN)
    }

    /// Opens a session on the access generation that the person was recognised on, and uses a code up
    /// in the same transaction.
    pub(crate) async fn open(
        &self,
        Recognised { user, generation }: Recognised,
        proof: Proof,
        origin: &Origin,
    ) -> Result<Opened, CommandError> {
        let mut tx = self.parts.writes.begin().await?;
        let Locked { access, has_second_factor } = self.lock_access(&mut tx, user).await?;
        if access.generation != generation {
            return Ok(Opened::Stale);
        }
        match proof {
            Proof::Password if has_second_factor => return Ok(Opened::FactorNeeded),
            Proof::Code(code) if !use_code(&mut tx, user, code).await? => {
                return Ok(Opened::WrongCode);
            }
            Proof::Password | Proof::Code(_) => {}
        }
        let (session, tokens) = self.parts.identity.open_session(&mut tx, &access).await?;
        let (session, detail) = (Some(session), Some(proof.method()));
        let sign_in = SignIn { user, event: SecurityEvent::SignedIn, session, detail };
        sign_in.keep(&mut tx, Some(&origin.region)).await?;
        tx.commit().await?;
        sign_in.tell(origin);
        Ok(Opened::Session(tokens))
    }

    /// An account that may be issued tokens, with its row locked.
    async fn lock_access(
        &self,
        conn: &mut PgConnection,
        user: UserId,
    ) -> Result<Locked, CommandError> {
        if !credentials::lock(conn, user).await? {
            return Err(INVALID_CREDENTIALS);
        }
        let state = self.parts.store.load_sealed::<User>(user).await?;
        let account = state.account().ok_or(INVALID_CREDENTIALS)?;
        if account.deactivated {
            return Err(ACCOUNT_DEACTIVATED);
        }
        if !account.activated {
            return Err(ACCOUNT_NOT_ACTIVATED);
        }
        let (role, generation) = (account.role, account.access_generation);
        let access = Access { user, role, generation, limit: self.limit(account) };
        Ok(Locked { access, has_second_factor: account.has_second_factor })
    }

    /// Trades a refresh token for new tokens. One that comes again after its grace, or after its
    /// successor was used, ends its session.
    pub async fn refresh(&self, context: &Context, refresh: &str) -> Result<Tokens, CommandError> {
        let (identity, pool) = (&self.parts.identity, &self.parts.writes);
        let user = self.find_token(refresh).await?.user;
        let mut tx = pool.begin().await?;
        let access = match self.lock_access(&mut tx, user).await {
            Err(CommandError::Unauthorized { .. }) => return Err(CommandError::INVALID_TOKEN),
            locked => locked?.access,
        };
        let token =
            identity.lock_token(&mut tx, refresh).await?.ok_or(CommandError::INVALID_TOKEN)?;
        if token.over {
            return Err(CommandError::INVALID_TOKEN);
        }
        if !identity.may_be_traded(&mut tx, &token, refresh).await? {
            tx.commit().await?;
            let request_id = &context.metadata.request_id;
            SignIn::note_reuse(pool, request_id, token.user, token.session).await?;
            self.end_session(context, token.user, token.session).await?;
            return Err(TOKEN_REUSED);
        }
        let tokens = identity.trade(&mut tx, &access, token.session, refresh).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Ends the caller's session; the refresh token must be of the caller.
    pub async fn logout(&self, context: &Context, refresh: &str) -> Result<(), CommandError> {
        let row = self.find_token(refresh).await?;
        if !context.actor().is(row.user) {
            return Err(CommandError::INVALID_TOKEN);
        }
        self.end_session(context, row.user, row.session).await?;
        match context.metadata.session_id {
            Some(own) if own != row.session => self.end_session(context, row.user, own).await,
            _ => Ok(()),
        }
    }

    /// The sessions of a person that are open, newest first.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, CommandError> {
        Ok(sessions::open_sessions(&self.parts.pool, user).await?)
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

    async fn find_token(&self, refresh: &str) -> Result<FoundToken, CommandError> {
        let mut conn = self.parts.pool.acquire().await?;
        let found = self.parts.identity.find_token(&mut conn, refresh).await?;
        found.ok_or(CommandError::INVALID_TOKEN)
    }

    async fn end_session(
        &self,
        context: &Context,
        user: UserId,
        session: SessionId,
    ) -> Result<(), CommandError> {
        self.execute_with::<User, _>(&context.elsewhere(), user, move |_| {
            let side = Side { statements: vec![sessions::end(session)], ..Side::default() };
            Ok((UserCommand::EndSession { session }, side))
        })
        .await
        .map(drop)
    }
}
