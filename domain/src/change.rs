//! What changed from what to what.

use serde::{Deserialize, Serialize};

/// One member before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// Before.
    pub from: T,
    /// After.
    pub to: T,
}

impl<T: PartialEq + Clone> Change<T> {
    /// The change, if it is one.
    pub fn between(from: &T, to: Option<T>) -> Option<Self> {
        to.filter(|to| to != from).map(|to| Self { from: from.clone(), to })
    }
}
