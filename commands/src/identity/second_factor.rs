//! Second factors: set up, confirmed, used, taken away.
//!
//! Whether one is in force the account's events say. The secret, sealed under the person's key, and
//! the hashes of the recovery codes stand beside the log, written in the transaction of the events.

use domain::user::{Account, User, UserCommand, UserError};
use domain::{EmailAddress, Refuse, UserId};
use pool::PgConnection;
use secrecy::SecretString;

use super::totp::{self, Code, RecoveryCodes};
use crate::store::{Effect, Side};
use crate::{CommandError, Commands, Context, Reservation};

/// What a secret is sealed for: it can be opened as nothing else.
const PURPOSE: &str = "second factor";

/// What sets an authenticator app up.
pub struct Enrolment {
    /// The secret in base32.
    pub secret: SecretString,
    /// The same as an address, for a QR code.
    pub otpauth_url: SecretString,
}

/// How an account's second factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whether one is in force.
    pub enabled: bool,
    /// Recovery codes that were not used.
    pub recovery_codes_left: i64,
}

impl Commands {
    /// How somebody's second factor is.
    pub async fn second_factor(&self, user: UserId) -> Result<SecondFactor, CommandError> {
        let enabled = self.factor_account(user).await?.has_second_factor;
        let left = "SELECT count(*) FROM recovery_codes WHERE user_id = $1";
        let left = sqlx::query_scalar(left).bind(user.uuid()).fetch_one(&self.parts.pool).await?;
        Ok(SecondFactor { enabled, recovery_codes_left: if enabled { left } else { 0 } })
    }

    /// Makes a secret, in the place of one that was not confirmed. It is in force once a code of it
    /// was given.
    pub async fn begin_second_factor(&self, user: UserId) -> Result<Enrolment, CommandError> {
        let account = self.factor_account(user).await?;
        let secret = totp::new_secret();
        let sealed = self.parts.vault.seal_bytes(user, PURPOSE, &secret).await;
        let sealed = sealed.map_err(CommandError::fault)?.ok_or_else(not_found)?;
        if account.has_second_factor || !self.keep_unconfirmed(user, &sealed).await? {
            return Err(UserError::SecondFactorEnabled.refusal().into());
        }
        let otpauth_url = totp::otpauth_url(&secret, account.email.text().unwrap_or_default())?;
        Ok(Enrolment { secret: totp::base32(&secret), otpauth_url })
    }

    /// `false` where one is in force. Nothing is kept of a person who was erased meanwhile: the row of
    /// `credentials`, which an erasure deletes, is locked.
    async fn keep_unconfirmed(&self, user: UserId, sealed: &[u8]) -> Result<bool, CommandError> {
        let kept = sqlx::query(
            "WITH held AS (SELECT 1 FROM credentials WHERE user_id = $1 FOR SHARE)
             INSERT INTO second_factors AS had (user_id, secret) SELECT $1, $2 FROM held
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret WHERE NOT had.confirmed",
        )
        .bind(user.uuid())
        .bind(sealed)
        .execute(&self.parts.writes)
        .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Puts a second factor in force by a code of it; gives recovery codes. All other sessions end.
    pub async fn confirm_second_factor(
        &self,
        context: &Context,
        user: UserId,
        code: &str,
    ) -> Result<RecoveryCodes, CommandError> {
        let turn = self.code_turn(user).await;
        let tries = self.parts.identity.code_tries_of(user);
        let admitted = tries.admit(&self.parts.writes).await?;
        if self.factor_account(user).await?.has_second_factor {
            return Err(UserError::SecondFactorEnabled.refusal().into());
        }
        let Some(sealed) = self.sealed_secret(user, false).await? else {
            return Err(CommandError::field("code", "Set a second factor up first."));
        };
        let secret = self.opened_secret(user, &sealed).await?;
        let Some(step) = totp::time_step(&secret, &totp::typed(code))? else {
            tries.failed(&self.parts.writes, admitted).await?;
            return Err(wrong_code());
        };
        tries.succeeded(&self.parts.writes).await?;
        let (codes, hashes) = self.parts.identity.recovery_codes(user);
        let effect = Effect::EnableSecondFactor { user, secret: sealed, step, hashes };
        drop(turn);
        self.change_factor(context, user, UserCommand::EnableSecondFactor, effect).await?;
        Ok(codes)
    }

    /// Has the password be enough again. All other sessions end.
    pub async fn disable_second_factor(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<(), CommandError> {
        let effect = Effect::RemoveSecondFactor(user);
        self.change_factor(context, user, UserCommand::DisableSecondFactor, effect).await
    }

    /// Takes the second factor away from somebody who has lost it; from the command line. Every session
    /// ends. `false` where nobody has that address.
    pub async fn reset_second_factor(
        &self,
        context: &Context,
        email: &EmailAddress,
    ) -> Result<bool, CommandError> {
        let name = self.parts.identity.lookup(email);
        let holder = self.parts.store.holder(Reservation::Email.kind(), &name).await?;
        let Some(user) = holder.map(UserId::from_uuid) else { return Ok(false) };
        let effect = Effect::RemoveSecondFactor(user);
        self.change_factor(context, user, UserCommand::ResetSecondFactor, effect).await?;
        Ok(true)
    }

    /// Gives new recovery codes; those before are void.
    pub async fn replace_recovery_codes(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<RecoveryCodes, CommandError> {
        let (codes, hashes) = self.parts.identity.recovery_codes(user);
        let effect = Effect::ReplaceRecoveryCodes(user, hashes);
        self.change_factor(context, user, UserCommand::ReplaceRecoveryCodes, effect).await?;
        Ok(codes)
    }

    async fn change_factor(
        &self,
        context: &Context,
        user: UserId,
        command: UserCommand,
        effect: Effect,
    ) -> Result<(), CommandError> {
        self.execute_with::<User, _>(context, user, move |_| {
            let side = Side { effects: vec![effect.clone()], ..Side::default() };
            Ok((command.clone(), side))
        })
        .await
        .map(drop)
    }

    /// What a code is, as far as can be told before it is used: `None` where it is wrong.
    pub(super) async fn read_code(
        &self,
        user: UserId,
        code: &str,
    ) -> Result<Option<Code>, CommandError> {
        let typed = totp::typed(code);
        if !totp::is_time_based(&typed) {
            let hash = self.parts.identity.recovery_hash(user, &typed);
            return Ok(Some(Code::Recovery(hash)));
        }
        let Some(sealed) = self.sealed_secret(user, true).await? else { return Ok(None) };
        let secret = self.opened_secret(user, &sealed).await?;
        Ok(totp::time_step(&secret, &typed)?.map(Code::TimeStep))
    }

    async fn sealed_secret(
        &self,
        user: UserId,
        confirmed: bool,
    ) -> Result<Option<Vec<u8>>, CommandError> {
        let sql = "SELECT secret FROM second_factors WHERE user_id = $1 AND confirmed = $2";
        let found = sqlx::query_scalar(sql).bind(user.uuid()).bind(confirmed);
        Ok(found.fetch_optional(&self.parts.writes).await?)
    }

    async fn opened_secret(&self, user: UserId, sealed: &[u8]) -> Result<Vec<u8>, CommandError> {
        let opened = self.parts.vault.open_bytes(user, PURPOSE, sealed).await;
        opened.map_err(CommandError::fault)?.ok_or_else(not_found)
    }

    async fn factor_account(&self, user: UserId) -> Result<Account, CommandError> {
        self.load::<User>(user).await?.account().cloned().ok_or_else(not_found)
    }
}

/// Uses a code up, in the transaction of what it is good for; `false` where it is wrong or was used
/// before. Of two that come with one code at once, the second waits for the first.
pub(super) async fn use_code(
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

pub(super) fn wrong_code() -> CommandError {
    CommandError::field("code", "This code is wrong, too old, or was used before.")
}

fn not_found() -> CommandError {
    UserError::NotFound.refusal().into()
}
