//! Policies that are parts of others: a tree.

use crate::{FieldErrors, PolicyId};

/// How many policies may stand above one another.
pub const MAX_ANCESTORS: usize = 5;

/// What was found above a policy, from its parent upwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ancestors {
    /// The policies that there are, one more than [`MAX_ANCESTORS`] at most.
    pub ids: Vec<PolicyId>,
    /// Whether the parent itself does not exist.
    pub missing: bool,
}

impl Ancestors {
    /// What is wrong with them as those of a policy.
    pub fn wrong_for(&self, policy: PolicyId) -> FieldErrors {
        let message = if self.missing {
            "There is no such policy."
        } else if self.ids.contains(&policy) {
            "A policy cannot be a part of itself: choose one that is not below it."
        } else if self.ids.len() > MAX_ANCESTORS {
            "At most 5 policies can stand above one another: choose one further up."
        } else {
            return FieldErrors::default();
        };
        FieldErrors::one("parent", message)
    }
}
