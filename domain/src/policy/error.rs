use crate::{FieldErrors, RefusalKind, Refuse};

/// Why a policy command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// There is none, or no more.
    #[error("There is no such policy.")]
    NotFound,
    /// Policies are written by an ADMIN.
    #[error("Only an ADMIN may change policies.")]
    Forbidden,
    /// A template with an id that none of the policy has.
    #[error("Some fields are invalid: see errors.")]
    UnknownTemplate(usize),
}

impl Refuse for PolicyError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
            Self::UnknownTemplate(index) => {
                let message = "This policy has no template of that id: leave it out for a new one.";
                let errors = FieldErrors::one(format!("templates.{index}.id"), message);
                (RefusalKind::Invalid(errors), "invalid_input")
            }
        }
    }
}
