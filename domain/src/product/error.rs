use crate::{FieldErrors, RefusalKind, Refuse};

/// Why a product command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductError {
    /// There is none that the actor may know of.
    #[error("There is no such product.")]
    NotFound,
    /// The actor's role does not do this.
    #[error("You may not do this with this product.")]
    Forbidden,
    /// Nobody judges their own.
    #[error("You may not review your own product: another moderator has to.")]
    OwnProduct,
    /// It was decided so before.
    #[error("This decision has already been made.")]
    AlreadyDecided,
    /// It was withdrawn.
    #[error("A cancelled product cannot be reviewed: its owner has to resubmit it first.")]
    NotReviewable,
    /// What would be approved can't be shown.
    #[error(
        "The video is not ready: wait until processing_status is READY, or reject the product."
    )]
    VideoNotReady,
    /// It is approved.
    #[error("An approved product needs no resubmission: edit it to put it back to review.")]
    NotResubmittable,
    /// A decision is reversed without saying why.
    #[error("Reversing a decision needs a reason.")]
    ReasonRequired,
    /// The reason was written from a template, of which something has not been filled in.
    #[error("The reason still has {0}: write there what it stands for.")]
    UnfilledPlaceholder(String),
}

impl Refuse for ProductError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
            Self::OwnProduct => (RefusalKind::Forbidden, "own_product"),
            Self::AlreadyDecided => (RefusalKind::Conflict, "already_decided"),
            Self::NotReviewable => (RefusalKind::Conflict, "not_reviewable"),
            Self::VideoNotReady => (RefusalKind::Conflict, "video_not_ready"),
            Self::NotResubmittable => (RefusalKind::Conflict, "not_resubmittable"),
            Self::ReasonRequired => {
                let errors = FieldErrors::one("reason", "Reversing a decision needs a reason.");
                (RefusalKind::Invalid(errors), "invalid_input")
            }
            Self::UnfilledPlaceholder(_) => {
                let errors = FieldErrors::one("reason", self.to_string());
                (RefusalKind::Invalid(errors), "unfilled_placeholder")
            }
        }
    }
}
