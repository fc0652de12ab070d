//! Second factors: set up, confirmed, used, taken away.
//!
//! Whether one is in force the account's events say. The secret and the hashes of the recovery codes stand
//! beside the log, written in the transaction of the events.

use domain::user::{Account, User, UserCommand, UserError};
use domain::{EmailAddress, Refuse, UserId};
use identity::{Code, Enrolment, FactorSecret, RecoveryCodes, second_factor};
use pool::Statement;

use crate::store::Side;
use crate::{CommandError, Commands, Context, Reservation};

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
        let left = second_factor::recovery_codes_left(&self.parts.pool, user).await?;
        Ok(SecondFactor { enabled, recovery_codes_left: if enabled { left } else { 0 } })
    }

    /// Makes a secret, in the place of one that was not confirmed. It is in force once a code of it
    /// was given.
    pub async fn begin_second_factor(&self, user: UserId) -> Result<Enrolment, CommandError> {
        let account = self.factor_account(user).await?;
        let secret =
            FactorSecret::generate(&self.parts.vault, user).await?.ok_or_else(not_found)?;
        let kept =
            !account.has_second_factor && secret.keep_unconfirmed(&self.parts.writes, user).await?;
        if !kept {
            return Err(UserError::SecondFactorEnabled.refusal().into());
        }
        Ok(secret.enrolment(account.email.text().unwrap_or_default())?)
    }

    /// Puts a second factor in force by a code of it; gives recovery codes. All other sessions end.
    pub async fn confirm_second_factor(
        &self,
        context: &Context,
        user: UserId,
        code: &str,
    ) -> Result<RecoveryCodes, CommandError> {
        let turn = self.code_turn(user).await;
        let (identity, pool) = (&self.parts.identity, &self.parts.writes);
        let tries = identity.code_tries_of(user);
        let admitted = tries.admit(pool).await?;
        if self.factor_account(user).await?.has_second_factor {
            return Err(UserError::SecondFactorEnabled.refusal().into());
        }
        let Some(secret) = FactorSecret::find(pool, &self.parts.vault, user, false).await? else {
            return Err(CommandError::field("code", "Set a second factor up first."));
        };
        let Some(step) = secret.time_step(code)? else {
            tries.failed(pool, admitted).await?;
            return Err(wrong_code());
        };
        tries.succeeded(pool).await?;
        let (codes, hashes) = identity.recovery_codes(user);
        let enable = second_factor::enable(user, &secret, step, &hashes);
        drop(turn);
        self.change_factor(context, user, UserCommand::EnableSecondFactor, enable).await?;
        Ok(codes)
    }

    /// Has the password be enough again. All other sessions end.
    pub async fn disable_second_factor(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<(), CommandError> {
        let remove = second_factor::remove(user);
        self.change_factor(context, user, UserCommand::DisableSecondFactor, remove).await
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
        let remove = second_factor::remove(user);
        self.change_factor(context, user, UserCommand::ResetSecondFactor, remove).await?;
        Ok(true)
    }

    /// Gives new recovery codes; those before are void.
    pub async fn replace_recovery_codes(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<RecoveryCodes, CommandError> {
        let (codes, hashes) = self.parts.identity.recovery_codes(user);
        let replace = second_factor::replace_recovery_codes(user, &hashes);
        self.change_factor(context, user, UserCommand::ReplaceRecoveryCodes, replace).await?;
        Ok(codes)
    }

    async fn change_factor(
        &self,
        context: &Context,
        user: UserId,
        command: UserCommand,
        statement: Statement,
    ) -> Result<(), CommandError> {
        self.execute_with::<User, _>(context, user, move |_| {
            let side = Side { statements: vec![statement.clone()], ..Side::default() };
            Ok((command.clone(), side))
        })
        .await
        .map(drop)
    }

    /// What a code is, as far as can be told before it is used: `None` where it is wrong.
    pub(crate) async fn read_code(
        &self,
        user: UserId,
        code: &str,
    ) -> Result<Option<Code>, CommandError> {
        let (pool, vault) = (&self.parts.writes, &self.parts.vault);
        Ok(self.parts.identity.read_code(pool, vault, user, code).await?)
    }

    async fn factor_account(&self, user: UserId) -> Result<Account, CommandError> {
        self.load::<User>(user).await?.account().cloned().ok_or_else(not_found)
    }
}

pub(crate) fn wrong_code() -> CommandError {
    CommandError::field("code", "This code is wrong, too old, or was used before.")
}

fn not_found() -> CommandError {
    UserError::NotFound.refusal().into()
}
