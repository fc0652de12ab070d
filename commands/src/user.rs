//! Commands on accounts. What is asked for by e-mail address answers the same whether or not the
//! address is known.

use std::time::Duration;

use domain::user::{
    Account, ChangePassword, ConfirmPasswordReset, FormerEmail, ManageUser, Password, Register,
    UndoEmailChange, User, UserCommand, UserError,
};
use domain::{EmailAddress, FieldErrors, Personal, RefusalKind, Refuse, Role, UserId};
use identity::{LinkHolder, credentials, ending, links, passwords, second_factor};
use pool::Statement;
use uuid::Uuid;

use crate::execute::Stream;
use crate::store::{Guard, NameClaim, Side, forget_held};
use crate::{CommandError, Commands, Context, Done, Parts, Reservation, idempotency, uploads};

/// After so long one more mail is sent to an address that has had too many.
const MAIL_INTERVAL: Duration = Duration::from_mins(10);

impl Commands {
    /// Makes an `END_USER`; an address that is registered already gets a mail that says so.
    pub async fn register(&self, context: &Context, body: Register) -> Result<(), CommandError> {
        if body.role.0.is_some_and(|role| role != Role::EndUser) {
            return Err(CommandError::Forbidden {
                code: "role_not_self_assignable",
                detail: "Nobody can give themselves a role: register without one.",
            });
        }
        let registered =
            self.create(context, &body.email, &body.password, Role::EndUser, "password").await;
        match registered {
            Err(CommandError::Taken(Reservation::Email)) => {
                let note = UserCommand::NoteRepeatedRegistration;
                match self.of_holder(context, &body.email, "registration", note).await {
                    // Others keep noting the same at this moment: their mail says it.
                    Err(CommandError::Conflict) => Ok(()),
                    noted => noted,
                }
            }
            other => other.map(drop),
        }
    }

    /// Makes an account that needs no activation; from the command line.
    pub async fn create_user(
        &self,
        context: &Context,
        email: &EmailAddress,
        password: &Password,
        role: Role,
    ) -> Result<UserId, CommandError> {
        let user = self.create(context, email, password, role, "password").await?;
        self.execute::<User>(context, user, UserCommand::Activate).await?;
        Ok(user)
    }

    async fn create(
        &self,
        context: &Context,
        email: &EmailAddress,
        password: &Password,
        role: Role,
        field: &str,
    ) -> Result<UserId, CommandError> {
        let hash = self.hashed(password, email.as_str(), field).await?;
        let user = UserId::from_uuid(Uuid::now_v7());
        let (claim, email) = (self.email_claim(email), Personal::new(user, email.as_str()));
        self.execute_on::<User, _>(Stream::New, context, user, move |_| {
            let statements = vec![credentials::set(user, &hash)];
            let side = Side { claim: Some(claim.clone()), statements, ..Side::default() };
            Ok((UserCommand::Register { email: email.clone(), role }, side))
        })
        .await?;
        Ok(user)
    }

    /// Confirms the address that a link was sent to: the account's, or its new one.
    pub async fn activate(
        &self,
        context: &Context,
        uid: &str,
        token: &str,
    ) -> Result<(), CommandError> {
        let id = links::read_uid(uid).ok_or_else(invalid_activation)?;
        let (commands, token) = (self.clone(), token.to_owned());
        self.execute_with::<User, _>(context, id, move |user| {
            let account = user.account().ok_or_else(invalid_activation)?;
            let new_email = account.new_email.as_ref();
            if let Some(holder) = new_email.and_then(|email| holder(id, email, account))
                && commands.links().changes_email(holder, &token)
            {
                return Ok((UserCommand::ConfirmEmailChange, commands.move_email(account)));
            }
            match holder(id, &account.email, account) {
                // Also the second click on a link that changed the address: nothing is left to do.
                Some(holder)
                    if commands.links().activates(holder, &token)
                        || commands.links().changes_email(holder, &token) =>
                {
                    Ok((UserCommand::Activate, Side::default()))
                }
                Some(_) | None => Err(invalid_activation()),
            }
        })
        .await
        .map(drop)
    }

    /// The new address is claimed, and the old one kept for as long as the change can be undone.
    fn move_email(&self, account: &Account) -> Side {
        let claim = account.new_email.as_ref().and_then(|email| self.claim_of(email));
        let hold = self.claim_of(&account.email).filter(|old| Some(old) != claim.as_ref());
        Side { claim, hold, ..Side::default() }
    }

    /// Gives an account the address back that it had before a change. Every session ends; the
    /// password and a second factor of since then are gone with them.
    pub async fn undo_email_change(
        &self,
        context: &Context,
        body: UndoEmailChange,
    ) -> Result<(), CommandError> {
        let id = links::read_uid(&body.uid).ok_or_else(invalid_undo)?;
        let commands = self.clone();
        self.execute_with::<User, _>(context, id, move |user| {
            let account = user.account().ok_or_else(invalid_undo)?;
            let is_meant = |former: &&FormerEmail| {
                let email = former.email.text().unwrap_or_default();
                let holder = LinkHolder { user: id, email, generation: former.change };
                commands.links().undoes_email_change(holder, &body.token)
            };
            let former = account.former_emails.iter().find(is_meant).ok_or_else(invalid_undo)?;
            let claim = commands.claim_of(&former.email);
            let release =
                commands.claim_of(&account.email).filter(|now| Some(now) != claim.as_ref());
            let factor = account.has_second_factor_since(former.change);
            let factor = factor.then(|| second_factor::remove(id));
            let statements = factor.into_iter().chain([credentials::lock_password(id)]).collect();
            let side = Side { claim, release, statements, ..Side::default() };
            Ok((UserCommand::UndoEmailChange { change: former.change }, side))
        })
        .await
        .map(drop)
    }

    /// Has another activation mail sent.
    pub async fn resend_activation(
        &self,
        context: &Context,
        email: &EmailAddress,
    ) -> Result<(), CommandError> {
        self.of_holder(context, email, "activation", UserCommand::RequestActivation).await
    }

    /// Has a mail sent to a new address, which counts once it is confirmed. Mails to an address that
    /// the caller has not proved to be theirs are bounded for that address.
    pub async fn change_email(
        &self,
        context: &Context,
        user: UserId,
        email: &EmailAddress,
    ) -> Result<Done, CommandError> {
        let Parts { identity, pool, .. } = &*self.parts;
        if !identity.admits_mail(pool, "change", &identity.lookup(email)).await? {
            return Err(CommandError::TooManyAttempts { retry_after: MAIL_INTERVAL });
        }
        let email = Personal::new(user, email.as_str());
        self.execute::<User>(context, user, UserCommand::RequestEmailChange { email }).await
    }

    /// Has a mail with a reset link sent.
    pub async fn request_password_reset(
        &self,
        context: &Context,
        email: &EmailAddress,
    ) -> Result<(), CommandError> {
        self.of_holder(context, email, "reset", UserCommand::RequestPasswordReset).await
    }

    /// Sets a new password by a link from a mail; every session ends.
    pub async fn confirm_password_reset(
        &self,
        context: &Context,
        body: ConfirmPasswordReset,
    ) -> Result<(), CommandError> {
        let id = links::read_uid(&body.uid).ok_or_else(invalid_reset)?;
        let account = self.account(id).await?.ok_or_else(invalid_reset)?;
        self.check_reset(id, &account, &body.token)?;
        let email = account.email.text().unwrap_or_default();
        let hash = self.hashed(&body.password, email, "password").await?;
        let commands = self.clone();
        self.execute_with::<User, _>(context, id, move |user| {
            // Once more, on the state that is decided on: hashing takes time.
            let account = user.account().ok_or_else(invalid_reset)?;
            commands.check_reset(id, account, &body.token)?;
            let generation = account.password_generation;
            Ok((UserCommand::ResetPassword { generation }, new_password(id, &hash)))
        })
        .await
        .map(drop)
    }

    fn check_reset(&self, id: UserId, account: &Account, token: &str) -> Result<(), CommandError> {
        let holder = holder(id, &account.email, account).ok_or_else(invalid_reset)?;
        if self.links().resets_password(holder, token) { Ok(()) } else { Err(invalid_reset()) }
    }

    /// Sets a new password for somebody who knows the old one; all other sessions end.
    pub async fn change_password(
        &self,
        context: &Context,
        user: UserId,
        body: ChangePassword,
    ) -> Result<(), CommandError> {
        // Before the password is looked at, so that of two changes by one password one counts.
        let account = self.account(user).await?.ok_or(UserError::NotFound.refusal())?;
        let generation = account.password_generation;
        let email = account.email.text().unwrap_or_default();
        if !self.knows_password(user, &body.current_password).await? {
            return Err(wrong_password(passwords::weakness(&body.new_password, email)));
        }
        let hash = self.hashed(&body.new_password, email, "new_password").await?;
        self.execute_with::<User, _>(context, user, move |_| {
            Ok((UserCommand::ChangePassword { generation }, new_password(user, &hash)))
        })
        .await
        .map(drop)
    }

    /// Has an account ask for a new password before it does anything else.
    pub async fn require_password_change(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<(), CommandError> {
        self.execute::<User>(context, user, UserCommand::RequirePasswordChange).await.map(drop)
    }

    /// Changes role or access; by an ADMIN, of whom an active one always remains.
    pub async fn manage_user(
        &self,
        context: &Context,
        user: UserId,
        manage: ManageUser,
    ) -> Result<Done, CommandError> {
        let by = context.actor();
        self.execute_with::<User, _>(context, user, move |state| {
            let demoted = manage.role.0.is_some_and(|role| role != Role::Admin);
            let lost = demoted || manage.is_active.0 == Some(false);
            let guards = admin_remains(user, state).filter(|_| lost).into_iter().collect();
            let side = Side { guards, ..Side::default() };
            Ok((UserCommand::Manage { by, user, manage: manage.clone() }, side))
        })
        .await
    }

    /// Refuses to erase the last active ADMIN. To ask before anything is done for the erasure; its
    /// own guard has the last word.
    pub(crate) async fn check_erasable(&self, user: UserId) -> Result<(), CommandError> {
        let state = self.load::<User>(user).await?;
        match admin_remains(user, &state) {
            Some(_) => Ok(self.parts.store.check_another_admin(user).await?),
            None => Ok(()),
        }
    }

    /// Writes down that a person is to be forgotten: every session ends, nobody sees their address, and it is
    /// free again.
    pub(crate) async fn request_erasure(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<Done, CommandError> {
        let commands = self.clone();
        self.execute_with::<User, _>(context, user, move |person| {
            let email = person.account().map(|account| &account.email);
            let side = Side {
                guards: admin_remains(user, person).into_iter().collect(),
                release: email.and_then(|email| commands.claim_of(email)),
                statements: forget(user),
                ..Side::default()
            };
            Ok((UserCommand::RequestErasure, side))
        })
        .await
    }

    /// Destroys the key of a person who is to be forgotten, and with it all that the log says about them.
    pub(crate) async fn destroy_key(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<Done, CommandError> {
        let erased = self
            .execute_with::<User, _>(context, user, move |_| {
                // Once more: a request that was under way may have left something.
                let mut statements = forget(user);
                statements.push(ending::destroy_key(user));
                Ok((UserCommand::Erase, Side { statements, ..Side::default() }))
            })
            .await;
        self.parts.vault.forget(user);
        erased
    }

    /// The account that signs in with an address, found as sign-in finds it.
    pub async fn holder_of(&self, email: &EmailAddress) -> Result<Option<UserId>, CommandError> {
        let claim = self.email_claim(email);
        let holder = self.parts.store.holder(claim.kind(), &claim.name).await?;
        Ok(holder.map(UserId::from_uuid))
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, CommandError> {
        Ok(self.load::<User>(user).await?.account().cloned())
    }

    fn claim_of(&self, email: &Personal) -> Option<NameClaim> {
        let email = email.text()?.parse::<EmailAddress>().ok()?;
        Some(self.email_claim(&email))
    }

    fn email_claim(&self, email: &EmailAddress) -> NameClaim {
        NameClaim { reservation: Reservation::Email, name: self.parts.identity.lookup(email) }
    }

    /// Sends a mail of a kind to the holder of the address, unless it has had many of these of late.
    /// Nobody is told.
    async fn of_holder(
        &self,
        context: &Context,
        email: &EmailAddress,
        kind: &str,
        command: UserCommand,
    ) -> Result<(), CommandError> {
        let Parts { identity, pool, .. } = &*self.parts;
        let holder = self.holder_of(email).await?;
        let is_admitted = identity.admits_mail(pool, kind, &identity.lookup(email)).await?;
        match holder.filter(|_| is_admitted) {
            Some(user) => self.execute::<User>(context, user, command).await.map(drop),
            None => Ok(()),
        }
    }

    async fn hashed(
        &self,
        password: &Password,
        email: &str,
        field: &str,
    ) -> Result<String, CommandError> {
        match passwords::weakness(password, email) {
            Some(weakness) => Err(CommandError::field(field, weakness)),
            None => Ok(self.parts.identity.passwords().hash(password).await?),
        }
    }
}

/// The present password is wrong, and maybe the new one is weak.
fn wrong_password(weakness: Option<&str>) -> CommandError {
    let mut refusal = UserError::StalePassword.refusal();
    if let (RefusalKind::Invalid(errors), Some(weakness)) = (&mut refusal.kind, weakness) {
        errors.add("new_password", weakness);
    }
    refusal.into()
}

fn new_password(user: UserId, hash: &str) -> Side {
    Side { statements: vec![credentials::set(user, hash)], ..Side::default() }
}

/// Forgets all that is kept of a person beside the log, but for their key.
fn forget(person: UserId) -> Vec<Statement> {
    vec![
        ending::forget(person),
        forget_held(person),
        idempotency::forget(person),
        uploads::forget(person),
    ]
}

/// What a link to an address of the account is signed for now.
fn holder<'a>(user: UserId, email: &'a Personal, account: &Account) -> Option<LinkHolder<'a>> {
    let generation = account.access_generation;
    Some(LinkHolder { user, email: email.text()?, generation })
}

/// What has to hold for an active ADMIN to go.
fn admin_remains(user: UserId, state: &User) -> Option<Guard> {
    let is_one = state.account().is_some_and(Account::is_active_admin);
    is_one.then_some(Guard::AdminRemains(user))
}

fn invalid_undo() -> CommandError {
    let detail = "This link is invalid, was used, or has expired: set a new password if somebody \
                  else has access to your account.";
    CommandError::invalid("invalid_undo_link", detail, FieldErrors::default())
}

fn invalid_activation() -> CommandError {
    let detail = "This link is invalid or has expired: ask for another activation mail.";
    CommandError::invalid("invalid_activation_link", detail, FieldErrors::default())
}

fn invalid_reset() -> CommandError {
    let detail = "This link is invalid or has expired: ask for another reset mail.";
    CommandError::invalid("invalid_reset_link", detail, FieldErrors::default())
}
