use crate::{RefusalKind, Refuse};

/// Why a policy command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// There is none, or no more.
    #[error("There is no such policy.")]
    NotFound,
    /// Policies are written by an ADMIN.
    #[error("Only an ADMIN may change policies.")]
    Forbidden,
}

impl Refuse for PolicyError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
        }
    }
}
