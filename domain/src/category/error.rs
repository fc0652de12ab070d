use crate::{RefusalKind, Refuse};

/// Why a category command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CategoryError {
    /// There is none, or no more.
    #[error("There is no such category.")]
    NotFound,
    /// Categories are written by staff.
    #[error("Only staff may change categories.")]
    Forbidden,
}

impl Refuse for CategoryError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
        }
    }
}
