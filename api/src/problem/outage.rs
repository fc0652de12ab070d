//! Failures that pass by themselves, those of the storage for files among them.

use std::error::Error;
use std::iter::successors;

/// Whether an error, or one that led to it, passes by itself.
pub(super) fn is_outage(error: &(dyn Error + 'static)) -> bool {
    let mut chain = successors(Some(error), |&error| error.source());
    commands::is_outage(error) || chain.any(|error| error.downcast_ref().is_some_and(of_storage))
}

/// What the storage answers about one object, or about who asks, does not pass. Everything else is
/// [`Generic`](object_store::Error::Generic): no answer, or one of 5xx.
fn of_storage(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. })
}
