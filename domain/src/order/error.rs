use crate::{FieldErrors, RefusalKind, Refuse};

/// Why an order command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is none that the actor may know of.
    #[error("There is no such order.")]
    NotFound,
    /// The actor's role does not do this.
    #[error("You may not do this with orders.")]
    Forbidden,
    /// It was fulfilled or called off.
    #[error("This order is closed and can no longer be changed.")]
    Closed,
    /// Its items are priced in more than one currency.
    #[error("All priced products of one order must share one currency: place an order for each.")]
    MixedCurrencies,
    /// Some lines can't be ordered.
    #[error("Some products cannot be ordered.")]
    Invalid(FieldErrors),
}

impl Refuse for OrderError {
    fn kind(&self) -> (RefusalKind, &'static str) {
        match self {
            Self::NotFound => (RefusalKind::NotFound, "not_found"),
            Self::Forbidden => (RefusalKind::Forbidden, "permission_denied"),
            Self::Closed => (RefusalKind::Conflict, "order_closed"),
            Self::MixedCurrencies => {
                (RefusalKind::Invalid(FieldErrors::default()), "mixed_currencies")
            }
            Self::Invalid(errors) => (RefusalKind::Invalid(errors.clone()), "invalid_input"),
        }
    }
}
