use crate::{FieldErrors, RefusalKind, Refuse};

/// Why an account command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// There is none.
    #[error("There is no such user.")]
    NotFound,
    /// Accounts are managed by ADMINs.
    #[error("Only an ADMIN may change a user's role or access.")]
    Forbidden,
    /// Nobody changes their own role or access, so an ADMIN always remains.
    #[error("You may not change your own role or access: another ADMIN has to.")]
    OwnAccount,
    /// The password that was given is an earlier one by now.
    #[error("Some fields are invalid: see errors.")]
    StalePassword,
    /// The change of address was undone, or another one before it was.
    #[error("This link has been used or has expired.")]
    StaleUndo,
    /// A second factor is in force already.
    #[error("A second factor is in force already: disable it before you set up another.")]
    SecondFactorEnabled,
    /// There is no second factor.
    #[error("No second factor is in force: set one up first.")]
    NoSecondFactor,
    /// The link was for an earlier password.
    #[error("This link has been used or has expired: ask for a new one.")]
    StaleReset,
}

impl Refuse for UserError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
            Self::OwnAccount => (RefusalKind::Forbidden, "own_account"),
            Self::StalePassword => {
                let message = "This is not your password.";
                let errors = FieldErrors::one("current_password", message);
                (RefusalKind::Invalid(errors), "invalid_input")
            }
            Self::SecondFactorEnabled => (RefusalKind::Conflict, "second_factor_enabled"),
            Self::NoSecondFactor => (RefusalKind::Conflict, "second_factor_not_enabled"),
            Self::StaleUndo => (RefusalKind::Invalid(FieldErrors::default()), "invalid_undo_link"),
            Self::StaleReset => {
                (RefusalKind::Invalid(FieldErrors::default()), "invalid_reset_link")
            }
        }
    }
}
