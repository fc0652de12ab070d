use serde::{Deserialize, Serialize};

use crate::{HoldsPersonal, Personal, Role, SessionId};

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum UserEvent {
    /// It was made; an activation mail is due.
    UserRegistered {
        /// Where mails go.
        email: Personal,
        /// What it may do.
        role: Role,
    },
    /// Somebody tried to register its address again; a mail that says so is due.
    RegistrationRepeated,
    /// Another activation mail is due.
    ActivationRequested,
    /// Its address was confirmed.
    UserActivated,
    /// A mail to the new address is due.
    EmailChangeRequested {
        /// The new address.
        email: Personal,
    },
    /// The new address was confirmed.
    EmailChanged {
        /// The new address.
        email: Personal,
    },
    /// A mail with a reset link is due.
    PasswordResetRequested {
        /// Which password the link replaces.
        generation: u32,
    },
    /// A new password was set through such a link; every session ended.
    PasswordReset,
    /// A new password was set by whoever knew the old one; all other sessions ended.
    PasswordChanged,
    /// An ADMIN gave it another role.
    RoleChanged {
        /// Before.
        from: Role,
        /// After.
        to: Role,
    },
    /// An ADMIN shut it; every session ended.
    UserDeactivated,
    /// An ADMIN opened it again.
    UserReactivated,
    /// A session ended: by logout, from elsewhere, or because its refresh token was used twice.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
    /// Its person asked to be forgotten: their keys were destroyed, and every session ended.
    PersonErased,
}

impl UserEvent {
    /// Its type in the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UserRegistered { .. } => "UserRegistered",
            Self::RegistrationRepeated => "RegistrationRepeated",
            Self::ActivationRequested => "ActivationRequested",
            Self::UserActivated => "UserActivated",
            Self::EmailChangeRequested { .. } => "EmailChangeRequested",
            Self::EmailChanged { .. } => "EmailChanged",
            Self::PasswordResetRequested { .. } => "PasswordResetRequested",
            Self::PasswordReset => "PasswordReset",
            Self::PasswordChanged => "PasswordChanged",
            Self::RoleChanged { .. } => "RoleChanged",
            Self::UserDeactivated => "UserDeactivated",
            Self::UserReactivated => "UserReactivated",
            Self::SessionEnded { .. } => "SessionEnded",
            Self::PersonErased => "PersonErased",
        }
    }
}

impl HoldsPersonal for UserEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
        match self {
            Self::UserRegistered { email, .. }
            | Self::EmailChangeRequested { email }
            | Self::EmailChanged { email } => vec![("email", email)],
            Self::RegistrationRepeated
            | Self::ActivationRequested
            | Self::UserActivated
            | Self::PasswordResetRequested { .. }
            | Self::PasswordReset
            | Self::PasswordChanged
            | Self::RoleChanged { .. }
            | Self::UserDeactivated
            | Self::UserReactivated
            | Self::SessionEnded { .. }
            | Self::PersonErased => vec![],
        }
    }
}
