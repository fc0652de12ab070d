//! Accounts.

mod command;
mod error;
mod event;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use command::{
    ActivationResend, ChangeEmail, ChangePassword, ConfirmPasswordReset, ConfirmSecondFactor,
    ManageUser, Password, Reauthenticate, Register, RequestPasswordReset, UndoEmailChange,
    UserCommand,
};
pub use error::UserError;
pub use event::{AccessEnd, UserEvent, UserEventType};

use crate::{Actor, HoldsPersonal, Personal, Role, UserId};

/// An account as its events leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    version: i64,
    account: Option<Account>,
    /// Whether its person asked to be forgotten, and has not been yet.
    is_being_erased: bool,
}

/// What an account is, from registration to erasure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each holds whatever the others say")]
pub struct Account {
    /// Where mails go.
    pub email: Personal,
    /// A new address that waits for its confirmation.
    pub new_email: Option<Personal>,
    /// The addresses that it had before, oldest first, less those that were restored.
    pub former_emails: Vec<FormerEmail>,
    /// What it may do.
    pub role: Role,
    /// Whether its address has been confirmed.
    pub activated: bool,
    /// Whether an ADMIN has shut it.
    pub deactivated: bool,
    /// How many passwords came before the present one; a reset link is good for one of them.
    pub password_generation: u32,
    /// The sequence of the newest event that ended access (see [`UserEvent::ends_access`]), 0
    /// before the first. A token is good for as long as it was issued on this number.
    pub access_generation: i64,
    /// Whether the password has to be changed before anything else is done.
    pub must_change_password: bool,
    /// Whether signing in takes a code besides the password.
    pub has_second_factor: bool,
    /// The sequence of the event that put the newest second factor in force, 0 before the first.
    pub second_factor_since: i64,
}

/// An address that an account had until it was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormerEmail {
    /// The address.
    pub email: Personal,
    /// The sequence of the change.
    pub change: i64,
}

crate::aggregate::aggregate!(User, 2, UserId, UserCommand, UserEvent, UserError);

impl HoldsPersonal for User {
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
        let Some(account) = &mut self.account else { return vec![] };
        let former = account.former_emails.iter_mut().map(|former| &mut former.email);
        let addresses =
            [&mut account.email].into_iter().chain(&mut account.new_email).chain(former);
        addresses.map(|address| ("email", address)).collect()
    }
}

impl User {
    /// The account; `None` before registration and from the moment on that its person asked to be
    /// forgotten.
    pub const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Pure. An empty vec means "already so", which is success.
    pub fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserError> {
        use {UserCommand as C, UserError as Error, UserEvent as E};
        if self.version == 0
            && let C::Register { email, role } = command
        {
            return Ok(vec![E::UserRegistered { email, role }]);
        }
        if self.is_being_erased {
            return decide_on_erasure(&command);
        }
        let account = self.account.as_ref().ok_or(Error::NotFound)?;
        Ok(match command {
            C::Register { .. } => vec![],
            C::NoteRepeatedRegistration => vec![E::RegistrationRepeated],
            C::RequestActivation if account.activated || account.deactivated => vec![],
            C::RequestActivation => vec![E::ActivationRequested],
            C::Activate if account.activated => vec![],
            C::Activate if account.deactivated => return Err(Error::NotFound),
            C::Activate => vec![E::UserActivated],
            C::RequestEmailChange { email } => vec![E::EmailChangeRequested { email }],
            C::ConfirmEmailChange => account.confirm_email(),
            C::RequestPasswordReset if account.deactivated => vec![],
            C::RequestPasswordReset => {
                vec![E::PasswordResetRequested { generation: account.password_generation }]
            }
            C::ResetPassword { generation } if generation != account.password_generation => {
                return Err(Error::StaleReset);
            }
            C::ResetPassword { .. } => account.reset_password(),
            C::ChangePassword { generation } if generation != account.password_generation => {
                return Err(Error::StalePassword);
            }
            C::ChangePassword { .. } => vec![E::PasswordChanged],
            C::UndoEmailChange { change } => vec![account.restore_email(change)?],
            C::RequirePasswordChange if account.must_change_password => vec![],
            C::RequirePasswordChange => vec![E::PasswordChangeRequired],
            C::EnableSecondFactor if account.has_second_factor => {
                return Err(Error::SecondFactorEnabled);
            }
            C::EnableSecondFactor => vec![E::SecondFactorEnabled],
            C::DisableSecondFactor | C::ResetSecondFactor if !account.has_second_factor => vec![],
            C::DisableSecondFactor => vec![E::SecondFactorDisabled],
            C::ResetSecondFactor => vec![E::SecondFactorReset],
            C::ReplaceRecoveryCodes if !account.has_second_factor => {
                return Err(Error::NoSecondFactor);
            }
            C::ReplaceRecoveryCodes => vec![E::RecoveryCodesReplaced],
            C::EndSession { session } => vec![E::SessionEnded { session }],
            C::EndAllSessions => vec![E::AllSessionsEnded],
            C::RequestErasure => vec![E::ErasureRequested],
            // Nobody is erased who has not asked for it.
            C::Erase => return Err(Error::NotFound),
            C::Manage { by, user, manage } => account.manage(by, user, &manage)?,
        })
    }

    fn evolve(&mut self, event: UserEvent) {
        use UserEvent as E;
        if let E::UserRegistered { email, role } = event {
            self.account = Some(Account::new(email, role));
            return;
        }
        if let E::ErasureRequested | E::PersonErased = event {
            self.account = None;
            self.is_being_erased = event == E::ErasureRequested;
            return;
        }
        let Some(account) = &mut self.account else { return };
        if event.ends_access().is_some() {
            account.end_access(self.version);
        }
        match event {
            E::UserActivated => account.activated = true,
            E::EmailChangeRequested { email } => account.new_email = Some(email),
            E::EmailChanged { email } => account.move_to(email, self.version),
            E::EmailRestored { email, change } => account.restore(email, change),
            E::PasswordChanged | E::PasswordReset => {
                account.password_generation += 1;
                account.must_change_password = false;
            }
            E::PasswordChangeRequired => account.must_change_password = true,
            E::SecondFactorEnabled => {
                account.has_second_factor = true;
                account.second_factor_since = self.version;
            }
            E::SecondFactorDisabled | E::SecondFactorReset => account.has_second_factor = false,
            E::RoleChanged { to, .. } => account.role = to,
            E::UserDeactivated => account.deactivated = true,
            E::UserReactivated => account.deactivated = false,
            E::UserRegistered { .. }
            | E::RegistrationRepeated
            | E::ActivationRequested
            | E::PasswordResetRequested { .. }
            | E::SessionEnded { .. }
            | E::AllSessionsEnded
            | E::RecoveryCodesReplaced
            | E::ErasureRequested
            | E::PersonErased => {}
        }
    }
}

/// Of somebody who asked to be forgotten: nothing but that goes on.
fn decide_on_erasure(command: &UserCommand) -> Result<Vec<UserEvent>, UserError> {
    match command {
        UserCommand::RequestErasure => Ok(vec![]),
        UserCommand::Erase => Ok(vec![UserEvent::PersonErased]),
        _ => Err(UserError::NotFound),
    }
}

impl Account {
    const fn new(email: Personal, role: Role) -> Self {
        Self {
            email,
            new_email: None,
            former_emails: vec![],
            role,
            activated: false,
            deactivated: false,
            password_generation: 0,
            access_generation: 0,
            must_change_password: false,
            has_second_factor: false,
            second_factor_since: 0,
        }
    }

    /// Also ends a change of address that waits: who asked for it may be shut out now.
    fn end_access(&mut self, sequence: i64) {
        self.access_generation = sequence;
        self.new_email = None;
    }

    fn move_to(&mut self, email: Personal, change: i64) {
        let email = std::mem::replace(&mut self.email, email);
        self.former_emails.push(FormerEmail { email, change });
        self.new_email = None;
    }

    /// Whether its second factor came after a change of address: then it goes when that is undone,
    /// as it may be that of a thief.
    pub const fn has_second_factor_since(&self, change: i64) -> bool {
        self.has_second_factor && self.second_factor_since > change
    }

    /// The password of that time may be a thief's too: it opens nothing any more.
    fn restore(&mut self, email: Personal, change: i64) {
        self.email = email;
        self.former_emails.retain(|former| former.change < change);
        self.has_second_factor &= !self.has_second_factor_since(change);
        self.password_generation += 1;
    }

    /// The address before that change. Those of later changes are given up with it: else somebody
    /// who took the account over could undo this.
    fn restore_email(&self, change: i64) -> Result<UserEvent, UserError> {
        let former = self.former_emails.iter().find(|former| former.change == change);
        let email = former.ok_or(UserError::StaleUndo)?.email.clone();
        Ok(UserEvent::EmailRestored { email, change })
    }

    /// Whether it is one of those of which one has to remain.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.is_active()
    }

    /// Whether its person may sign in.
    pub const fn is_active(&self) -> bool {
        self.activated && !self.deactivated
    }

    fn confirm_email(&self) -> Vec<UserEvent> {
        self.new_email
            .iter()
            .map(|email| UserEvent::EmailChanged { email: email.clone() })
            .collect()
    }

    /// Opening a link from a mail to the address confirms it.
    fn reset_password(&self) -> Vec<UserEvent> {
        let activated = (!self.activated).then_some(UserEvent::UserActivated);
        std::iter::once(UserEvent::PasswordReset).chain(activated).collect()
    }

    fn manage(
        &self,
        by: Actor,
        user: UserId,
        manage: &ManageUser,
    ) -> Result<Vec<UserEvent>, UserError> {
        if !by.has(Role::Admin) {
            return Err(UserError::Forbidden);
        }
        let role = manage.role.0.filter(|role| *role != self.role);
        let active = manage.is_active.0.map(|to| self.set_active(to)).unwrap_or_default();
        if by.is(user) && (role.is_some() || !active.is_empty()) {
            return Err(UserError::OwnAccount);
        }
        let role = role.map(|to| UserEvent::RoleChanged { from: self.role, to });
        Ok(role.into_iter().chain(active).collect())
    }

    fn set_active(&self, active: bool) -> Vec<UserEvent> {
        if !active {
            return if self.deactivated { vec![] } else { vec![UserEvent::UserDeactivated] };
        }
        let activated = (!self.activated).then_some(UserEvent::UserActivated);
        let reactivated = self.deactivated.then_some(UserEvent::UserReactivated);
        activated.into_iter().chain(reactivated).collect()
    }
}
