use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, IntoStaticStr, VariantNames};

use crate::{HoldsPersonal, Personal, Role, SessionId};

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(UserEventType),
    derive(IntoStaticStr, VariantNames),
    doc = "The types of such events."
)]
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
    /// A new password was set by somebody who knew the old one; all other sessions ended.
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
    /// Its person ended all of their sessions.
    AllSessionsEnded,
    /// An address that the account had before is its own again. Every session ended, the password
    /// opens nothing any more, and a second factor that came after the change is gone.
    EmailRestored {
        /// The address.
        email: Personal,
        /// The sequence of the [`UserEvent::EmailChanged`] that was undone.
        change: i64,
    },
    /// Its password has to be changed before anything else is done.
    PasswordChangeRequired,
    /// Signing in takes a code besides the password from now on; all other sessions ended.
    SecondFactorEnabled,
    /// The password is enough again; all other sessions ended.
    SecondFactorDisabled,
    /// An operator took the second factor away, as its person had lost it; every session ended.
    SecondFactorReset,
    /// New recovery codes took the place of those before.
    RecoveryCodesReplaced,
    /// Its person asked to be forgotten: every session ended, and nobody sees who it was. What they sell
    /// and order is withdrawn next.
    ErasureRequested,
    /// What they sold and ordered is withdrawn, and their keys were destroyed.
    PersonErased,
}

/// How much of an account's access an event ends. What is ended stays so: later tokens are issued
/// on a higher access generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessEnd {
    /// Access tokens; sessions go on, and their next tokens show what has changed.
    Tokens,
    /// Every session with its tokens.
    Sessions,
    /// Every session with its tokens but the one in which the command was given.
    OtherSessions,
}

impl UserEvent {
    /// What of the account's access it ends. The store and every replica go by this alone.
    pub const fn ends_access(&self) -> Option<AccessEnd> {
        match self {
            Self::RoleChanged { .. } => Some(AccessEnd::Tokens),
            Self::PasswordChanged | Self::SecondFactorEnabled | Self::SecondFactorDisabled => {
                Some(AccessEnd::OtherSessions)
            }
            Self::PasswordReset
            | Self::UserDeactivated
            | Self::AllSessionsEnded
            | Self::EmailRestored { .. }
            | Self::SecondFactorReset
            | Self::ErasureRequested
            | Self::PersonErased => Some(AccessEnd::Sessions),
            Self::UserRegistered { .. }
            | Self::RegistrationRepeated
            | Self::ActivationRequested
            | Self::UserActivated
            | Self::EmailChangeRequested { .. }
            | Self::EmailChanged { .. }
            | Self::PasswordResetRequested { .. }
            | Self::UserReactivated
            | Self::SessionEnded { .. }
            | Self::PasswordChangeRequired
            | Self::RecoveryCodesReplaced => None,
        }
    }
}

impl HoldsPersonal for UserEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
        match self {
            Self::UserRegistered { email, .. }
            | Self::EmailChangeRequested { email }
            | Self::EmailChanged { email }
            | Self::EmailRestored { email, .. } => vec![("email", email)],
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
            | Self::AllSessionsEnded
            | Self::PasswordChangeRequired
            | Self::SecondFactorEnabled
            | Self::SecondFactorDisabled
            | Self::SecondFactorReset
            | Self::RecoveryCodesReplaced
            | Self::ErasureRequested
            | Self::PersonErased => vec![],
        }
    }
}
