use crate::{RefusalKind, Refuse};

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
            Self::StaleReset => {
                (RefusalKind::Invalid(crate::FieldErrors::default()), "invalid_reset_link")
            }
        }
    }
}
