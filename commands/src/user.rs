//! Commands on accounts. What is asked for by e-mail address answers the same whether or not the
//! address is known.

use domain::user::{
    Account, ChangePassword, ConfirmPasswordReset, ManageUser, Password, Register, User,
    UserCommand,
};
use domain::{EmailAddress, FieldErrors, Personal, Role, SessionId, UserId};
use uuid::Uuid;

use crate::execute::Stream;
use crate::identity::{links, passwords};
use crate::store::{Claim, Effect, Side};
use crate::{CommandError, Commands, Context, Done, Parts, Reservation};

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
            let effects = vec![Effect::SetCredential(user, hash.clone())];
            let side = Side { claim: Some(claim.clone()), effects, ..Side::default() };
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
        let user = links::read_uid(uid).ok_or_else(invalid_activation)?;
        let account = self.account(user).await?.ok_or_else(invalid_activation)?;
        let confirms = |email: Option<&Personal>| {
            email
                .and_then(Personal::text)
                .is_some_and(|email| self.links().confirms_address(user, email, token))
        };
        if confirms(account.new_email.as_ref()) {
            return self.confirm_email_change(context, user).await;
        }
        if !confirms(Some(&account.email)) {
            return Err(invalid_activation());
        }
        self.execute::<User>(context, user, UserCommand::Activate).await.map(drop)
    }

    async fn confirm_email_change(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<(), CommandError> {
        let commands = self.clone();
        let claim = move |email: Option<&Personal>| {
            let email = email?.text()?.parse::<EmailAddress>().ok()?;
            Some(commands.email_claim(&email))
        };
        self.execute_with::<User, _>(context, user, move |user| {
            let account = user.account();
            let new = account.and_then(|account| claim(account.new_email.as_ref()));
            let old = account.and_then(|account| claim(Some(&account.email)));
            let release = old.filter(|_| new.is_some()).filter(|old| Some(old) != new.as_ref());
            let side = Side { claim: new, release, ..Side::default() };
            Ok((UserCommand::ConfirmEmailChange, side))
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

    /// Has a mail sent to a new address, which counts once it is confirmed.
    pub async fn change_email(
        &self,
        context: &Context,
        user: UserId,
        email: &EmailAddress,
    ) -> Result<Done, CommandError> {
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

    /// Sets a new password for whoever has the link; every session ends.
    pub async fn confirm_password_reset(
        &self,
        context: &Context,
        body: ConfirmPasswordReset,
    ) -> Result<(), CommandError> {
        let user = links::read_uid(&body.uid).ok_or_else(invalid_reset)?;
        let account = self.account(user).await?.ok_or_else(invalid_reset)?;
        let generation = account.password_generation;
        if !self.links().resets_password(user, generation, &body.token) {
            return Err(invalid_reset());
        }
        let email = account.email.text().unwrap_or_default();
        let hash = self.hashed(&body.password, email, "password").await?;
        self.execute_with::<User, _>(context, user, move |_| {
            let side = new_password(user, hash.clone(), None);
            Ok((UserCommand::ResetPassword { generation }, side))
        })
        .await
        .map(drop)
    }

    /// Sets a new password for whoever knows the old one; all other sessions end.
    pub async fn change_password(
        &self,
        context: &Context,
        user: UserId,
        body: ChangePassword,
    ) -> Result<(), CommandError> {
        if !self.knows_password(user, &body.current_password).await? {
            return Err(CommandError::field("current_password", "This is not your password."));
        }
        let account = self.account(user).await?;
        let email = account.as_ref().and_then(|account| account.email.text()).unwrap_or_default();
        let hash = self.hashed(&body.new_password, email, "new_password").await?;
        let session = context.metadata.session_id;
        self.execute_with::<User, _>(context, user, move |_| {
            Ok((UserCommand::ChangePassword, new_password(user, hash.clone(), session)))
        })
        .await
        .map(drop)
    }

    /// Changes role or access; by an ADMIN.
    pub async fn manage_user(
        &self,
        context: &Context,
        user: UserId,
        manage: ManageUser,
    ) -> Result<Done, CommandError> {
        let by = context.actor();
        self.execute_with::<User, _>(context, user, move |_| {
            let shut = manage.is_active.0 == Some(false);
            let effects = shut.then_some(Effect::EndSessions(user, None)).into_iter().collect();
            let side = Side { effects, ..Side::default() };
            Ok((UserCommand::Manage { by, user, manage: manage.clone() }, side))
        })
        .await
    }

    /// Forgets a person: their key is destroyed, and with it all that the log says about them;
    /// every session ends, and the address is free again.
    pub async fn erase_person(
        &self,
        context: &Context,
        user: UserId,
    ) -> Result<Done, CommandError> {
        let commands = self.clone();
        let erased = self
            .execute_with::<User, _>(context, user, move |person| {
                let email = person.account().and_then(|account| account.email.text());
                let email = email.and_then(|email| email.parse::<EmailAddress>().ok());
                let side = Side {
                    release: email.map(|email| commands.email_claim(&email)),
                    effects: vec![Effect::DestroyKeys(user), Effect::EndSessions(user, None)],
                    ..Side::default()
                };
                Ok((UserCommand::Erase, side))
            })
            .await;
        self.parts.vault.forget(user);
        erased
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, CommandError> {
        Ok(self.load::<User>(user).await?.account().cloned())
    }

    fn email_claim(&self, email: &EmailAddress) -> Claim {
        Claim { reservation: Reservation::Email, name: self.parts.identity.lookup(email) }
    }

    /// Has whoever holds the address get a mail of a kind, unless it has had many of these of late.
    /// Nobody is told.
    async fn of_holder(
        &self,
        context: &Context,
        email: &EmailAddress,
        kind: &str,
        command: UserCommand,
    ) -> Result<(), CommandError> {
        let claim = self.email_claim(email);
        let Parts { store, identity, pool, .. } = &*self.parts;
        let holder = store.holder(claim.kind(), &claim.name).await?;
        let is_admitted = identity.admits_mail(pool, kind, &claim.name).await?;
        match holder.filter(|_| is_admitted) {
            Some(user) => {
                self.execute::<User>(context, UserId::from_uuid(user), command).await.map(drop)
            }
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
            None => self.parts.identity.passwords().hash(password).await,
        }
    }
}

fn new_password(user: UserId, hash: String, but: Option<SessionId>) -> Side {
    let effects = vec![Effect::SetCredential(user, hash), Effect::EndSessions(user, but)];
    Side { effects, ..Side::default() }
}

fn invalid_activation() -> CommandError {
    let detail = "This link is invalid or has expired: ask for another activation mail.";
    CommandError::invalid("invalid_activation_link", detail, FieldErrors::default())
}

fn invalid_reset() -> CommandError {
    let detail = "This link is invalid or has expired: ask for another reset mail.";
    CommandError::invalid("invalid_reset_link", detail, FieldErrors::default())
}
