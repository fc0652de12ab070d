//! Signing in, and proving once more who one is: with a password, a code, or both.

use domain::user::{Account, Reauthenticate, User};
use domain::{EmailAddress, SecurityEvent, SessionId, StreamId, StreamType, UserId};
use identity::second_factor::use_code;
use identity::{Code, Limit, Origin, Recognised, SignIn, Tokens, sessions};
use tokio::sync::OwnedMutexGuard;
use tracing::Instrument;

use crate::second_factor::wrong_code;
use crate::sessions::{INVALID_CREDENTIALS, Opened, Proof};
use crate::{CommandError, Commands, Reservation};

/// Tries to open a session while others keep ending access to the account.
const TRIES: usize = 3;

const INVALID_CHALLENGE: CommandError = CommandError::Unauthorized {
    code: "invalid_challenge",
    detail: "The challenge is wrong or has expired: sign in with your password again.",
};

const INVALID_SECOND_FACTOR: CommandError = CommandError::Unauthorized {
    code: "invalid_second_factor",
    detail: "The code is wrong, too old, or was used before: try the next one, or a recovery code.",
};

impl Commands {
    /// What an account has to do before it may do anything else.
    pub async fn limit_of(&self, user: UserId) -> Result<Option<Limit>, CommandError> {
        let state = self.recall::<User>(user, 1).await?;
        Ok(state.account().and_then(|account| self.limit(account)))
    }

    pub(crate) fn limit(&self, account: &Account) -> Option<Limit> {
        Limit::of(account, self.requires_second_factor(account.role))
    }

    /// Opens a session for a person who knows the password; one who has a second factor gets a
    /// challenge for [`Commands::complete_login`].
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<Tokens, CommandError> {
        let (commands, email, password) = (self.clone(), email.to_owned(), password.to_owned());
        let origin = origin.clone();
        let opened = async move {
            for _ in 0..TRIES {
                let recognised = commands.recognise(&email, &password, &origin).await?;
                match commands.open(recognised, Proof::Password, &origin).await? {
                    Opened::Session(tokens) => return Ok(tokens),
                    Opened::FactorNeeded => return Err(commands.challenge(recognised, &origin)),
                    Opened::WrongCode | Opened::Stale => {}
                }
            }
            Err(CommandError::Busy)
        };
        // In a task of its own: a client that hangs up must not be spared the count.
        tokio::spawn(opened.in_current_span()).await.map_err(CommandError::fault)?
    }

    /// Opens a session for a person who has given the password, and gives a code besides.
    pub async fn complete_login(
        &self,
        challenge: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<Tokens, CommandError> {
        let recognised = self.parts.identity.challenged(challenge).ok_or(INVALID_CHALLENGE)?;
        let (commands, code, origin) = (self.clone(), code.to_owned(), origin.clone());
        let opened = async move { commands.try_code(recognised, &code, &origin).await };
        tokio::spawn(opened.in_current_span()).await.map_err(CommandError::fault)?
    }

    async fn try_code(
        &self,
        recognised: Recognised,
        code: &str,
        origin: &Origin,
    ) -> Result<Tokens, CommandError> {
        let (user, pool) = (recognised.user, &self.parts.writes);
        let _turn = self.code_turn(user).await;
        let tries = self.parts.identity.code_tries(user, origin.network);
        let admitted = tries.admit(pool).await?;
        let opened = match self.read_code(user, code).await? {
            Some(code) => self.open(recognised, Proof::Code(code), origin).await?,
            None => Opened::WrongCode,
        };
        match opened {
            Opened::Session(tokens) => {
                tries.succeeded(pool).await?;
                Ok(tokens)
            }
            Opened::WrongCode => {
                tries.failed(pool, admitted).await?;
                let failed = SignIn::failed(user, SecurityEvent::SecondFactorFailed, None);
                failed.note_failure(pool, origin).await;
                Err(INVALID_SECOND_FACTOR)
            }
            Opened::FactorNeeded | Opened::Stale => Err(INVALID_CHALLENGE),
        }
    }

    /// One code of an account at a time: else many that come at once would be judged before the first
    /// failure is counted.
    pub(crate) async fn code_turn(&self, user: UserId) -> OwnedMutexGuard<()> {
        let stream = StreamId { kind: StreamType::User, id: user.uuid() };
        self.parts.store.turn(stream).lock_owned().await
    }

    fn challenge(&self, recognised: Recognised, origin: &Origin) -> CommandError {
        let event = SecurityEvent::SecondFactorAsked;
        SignIn { user: recognised.user, event, session: None, detail: None }.tell(origin);
        let challenge = self.parts.identity.challenge(recognised);
        CommandError::SecondFactorRequired { challenge }
    }

    /// Whose e-mail address and password these are.
    async fn recognise(
        &self,
        email: &str,
        password: &str,
        origin: &Origin,
    ) -> Result<Recognised, CommandError> {
        let lookup =
            email.parse::<EmailAddress>().ok().map(|email| self.parts.identity.lookup(&email));
        let tries = self.parts.identity.tries(lookup.as_deref(), origin.network);
        tries.admit(&self.parts.writes).await?;
        let user = match lookup {
            Some(lookup) => self.parts.store.holder(Reservation::Email.kind(), &lookup).await?,
            None => None,
        };
        let (user, pool) = (user.map(UserId::from_uuid), &self.parts.writes);
        let generation = self.parts.identity.try_password(pool, &tries, user, password).await?;
        if let Some((user, generation)) = user.zip(generation) {
            return Ok(Recognised { user, generation });
        }
        self.parts.identity.note_wrong_password(pool, email, user, origin).await;
        Err(INVALID_CREDENTIALS)
    }

    /// Whether a signed-in person's password is this one.
    pub(crate) async fn knows_password(
        &self,
        user: UserId,
        password: &str,
    ) -> Result<bool, CommandError> {
        let (identity, pool) = (&self.parts.identity, &self.parts.writes);
        let tries = identity.tries_of(user);
        tries.admit(pool).await?;
        Ok(identity.try_password(pool, &tries, Some(user), password).await?.is_some())
    }

    /// Notes that a session's person has proved who they are, by a password or a code.
    pub async fn reauthenticate(
        &self,
        user: UserId,
        session: SessionId,
        proof: &Reauthenticate,
        origin: &Origin,
    ) -> Result<(), CommandError> {
        let (proved, method, wrong) = match (&proof.password.0, &proof.code.0) {
            (Some(password), None) => {
                let proved = self.reauthenticate_by_password(user, session, password).await?;
                (proved, "password", CommandError::field("password", "This is not your password."))
            }
            (None, Some(code)) => {
                let proved = self.reauthenticate_by_code(user, session, code).await?;
                (proved, "code", wrong_code())
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(CommandError::field("password", "Give either password or code."));
            }
        };
        let event = SecurityEvent::ReauthenticationFailed;
        let (session, detail) = (Some(session), Some(method));
        if !proved {
            let failed = SignIn { user, event, session, detail };
            failed.note_failure(&self.parts.writes, origin).await;
            return Err(wrong);
        }
        SignIn { user, event: SecurityEvent::Reauthenticated, session, detail }.tell(origin);
        Ok(())
    }

    async fn reauthenticate_by_password(
        &self,
        user: UserId,
        session: SessionId,
        password: &str,
    ) -> Result<bool, CommandError> {
        let proved = self.knows_password(user, password).await?;
        if proved {
            let mut conn = self.parts.writes.acquire().await?;
            sessions::note_proof(&mut conn, user, session).await?;
        }
        Ok(proved)
    }

    async fn reauthenticate_by_code(
        &self,
        user: UserId,
        session: SessionId,
        code: &str,
    ) -> Result<bool, CommandError> {
        let pool = &self.parts.writes;
        let _turn = self.code_turn(user).await;
        let tries = self.parts.identity.code_tries_of(user);
        let admitted = tries.admit(pool).await?;
        let proved = match self.read_code(user, code).await? {
            Some(code) => self.note_code(user, session, code).await?,
            None => false,
        };
        if proved {
            tries.succeeded(pool).await?;
        } else {
            tries.failed(pool, admitted).await?;
        }
        Ok(proved)
    }

    /// The code is used up only together with what it proves.
    async fn note_code(
        &self,
        user: UserId,
        session: SessionId,
        code: Code,
    ) -> Result<bool, CommandError> {
        let mut tx = self.parts.writes.begin().await?;
        let proved = use_code(&mut tx, user, code).await?;
        if proved {
            sessions::note_proof(&mut tx, user, session).await?;
        }
        tx.commit().await?;
        Ok(proved)
    }

    /// Whether a session's person has proved within the last 5 minutes who they are.
    pub async fn is_recently_authenticated(
        &self,
        session: SessionId,
    ) -> Result<bool, CommandError> {
        Ok(sessions::is_recently_proved(&self.parts.writes, session).await?)
    }
}
