//! What the security journal and a person's own activity call things: one name for each, which
//! programs may rely on.

use crate::SessionId;
use crate::user::UserEvent;

/// Something that an operator or the person concerned should be able to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityEvent {
    /// A session was opened.
    SignedIn,
    /// The password was right, and a code of the second factor is awaited.
    SecondFactorAsked,
    /// An address or a password was wrong.
    SignInFailed,
    /// The code of a second factor was wrong.
    SecondFactorFailed,
    /// A signed-in person has proved once more who they are.
    Reauthenticated,
    /// They failed to.
    ReauthenticationFailed,
    /// A refresh token was used twice; its session ended.
    RefreshTokenReused,
    /// A request was refused: nobody is signed in, or they may not do this.
    AuthorizationRefused,
    /// A request was refused as there were too many.
    Throttled,
    /// An account was made.
    AccountRegistered,
    /// Its address was confirmed, or an ADMIN or an operator made it usable.
    AccountActivated,
    /// An ADMIN shut it.
    AccountDeactivated,
    /// An ADMIN opened it again.
    AccountReactivated,
    /// A new address was asked for.
    EmailChangeRequested,
    /// The new address counts.
    EmailChanged,
    /// A former address counts again.
    EmailRestored,
    /// A mail with a reset link was asked for.
    PasswordResetRequested,
    /// A new password was set by a link.
    PasswordReset,
    /// A new password was set by somebody who knew the old one.
    PasswordChanged,
    /// The password has to be changed before anything else is done.
    PasswordChangeRequired,
    /// An ADMIN gave another role.
    RoleChanged,
    /// One session ended.
    SessionEnded,
    /// All sessions ended.
    AllSessionsEnded,
    /// A second factor is in force.
    SecondFactorEnabled,
    /// It is no longer.
    SecondFactorDisabled,
    /// An operator took it away.
    SecondFactorReset,
    /// Recovery codes were replaced.
    RecoveryCodesReplaced,
    /// A person was erased.
    PersonErased,
}

impl SecurityEvent {
    /// Every event, as docs/operations.md lists them.
    pub const ALL: [Self; 28] = [
        Self::SignedIn,
        Self::SecondFactorAsked,
        Self::SignInFailed,
        Self::SecondFactorFailed,
        Self::Reauthenticated,
        Self::ReauthenticationFailed,
        Self::RefreshTokenReused,
        Self::AuthorizationRefused,
        Self::Throttled,
        Self::AccountRegistered,
        Self::AccountActivated,
        Self::AccountDeactivated,
        Self::AccountReactivated,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::EmailRestored,
        Self::PasswordResetRequested,
        Self::PasswordReset,
        Self::PasswordChanged,
        Self::PasswordChangeRequired,
        Self::RoleChanged,
        Self::SessionEnded,
        Self::AllSessionsEnded,
        Self::SecondFactorEnabled,
        Self::SecondFactorDisabled,
        Self::SecondFactorReset,
        Self::RecoveryCodesReplaced,
        Self::PersonErased,
    ];

    /// Its name in the log, in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SecondFactorAsked => "second_factor_asked",
            Self::SignInFailed => "sign_in_failed",
            Self::SecondFactorFailed => "second_factor_failed",
            Self::Reauthenticated => "reauthenticated",
            Self::ReauthenticationFailed => "reauthentication_failed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::AuthorizationRefused => "authorization_refused",
            Self::Throttled => "throttled",
            Self::AccountRegistered => "account_registered",
            Self::AccountActivated => "account_activated",
            Self::AccountDeactivated => "account_deactivated",
            Self::AccountReactivated => "account_reactivated",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::EmailRestored => "email_restored",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordReset => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::PasswordChangeRequired => "password_change_required",
            Self::RoleChanged => "role_changed",
            Self::SessionEnded => "session_ended",
            Self::AllSessionsEnded => "all_sessions_ended",
            Self::SecondFactorEnabled => "second_factor_enabled",
            Self::SecondFactorDisabled => "second_factor_disabled",
            Self::SecondFactorReset => "second_factor_reset",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::PersonErased => "person_erased",
        }
    }

    /// Whether somebody did not get what they asked for.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::SignInFailed
                | Self::SecondFactorFailed
                | Self::ReauthenticationFailed
                | Self::RefreshTokenReused
                | Self::AuthorizationRefused
                | Self::Throttled
        )
    }

    /// What an event of an account is to its person; `None` for what only asks for a mail that
    /// anybody can have sent, and for an erasure that has begun.
    pub const fn of(event: &UserEvent) -> Option<Self> {
        use UserEvent as E;
        Some(match event {
            E::UserRegistered { .. } => Self::AccountRegistered,
            E::RegistrationRepeated | E::ActivationRequested | E::ErasureRequested => return None,
            E::UserActivated => Self::AccountActivated,
            E::EmailChangeRequested { .. } => Self::EmailChangeRequested,
            E::EmailChanged { .. } => Self::EmailChanged,
            E::EmailRestored { .. } => Self::EmailRestored,
            E::PasswordResetRequested { .. } => Self::PasswordResetRequested,
            E::PasswordReset => Self::PasswordReset,
            E::PasswordChanged => Self::PasswordChanged,
            E::PasswordChangeRequired => Self::PasswordChangeRequired,
            E::RoleChanged { .. } => Self::RoleChanged,
            E::UserDeactivated => Self::AccountDeactivated,
            E::UserReactivated => Self::AccountReactivated,
            E::SessionEnded { .. } => Self::SessionEnded,
            E::AllSessionsEnded => Self::AllSessionsEnded,
            E::SecondFactorEnabled => Self::SecondFactorEnabled,
            E::SecondFactorDisabled => Self::SecondFactorDisabled,
            E::SecondFactorReset => Self::SecondFactorReset,
            E::RecoveryCodesReplaced => Self::RecoveryCodesReplaced,
            E::PersonErased => Self::PersonErased,
        })
    }

    /// The session that such an event is about.
    pub const fn session_of(event: &UserEvent) -> Option<SessionId> {
        if let UserEvent::SessionEnded { session } = event { Some(*session) } else { None }
    }

    /// A word more about such an event.
    pub const fn detail_of(event: &UserEvent) -> Option<&'static str> {
        if let UserEvent::RoleChanged { to, .. } = event { Some(to.as_str()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_explained_to_operators() {
        let document = include_str!("../../docs/operations.md");
        for event in SecurityEvent::ALL {
            let row = format!("| `{}` |", event.as_str());
            assert!(document.contains(&row), "docs/operations.md lacks {row}");
        }
    }
}
