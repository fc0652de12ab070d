//! Policies as decisions name them.

use deserr::{DeserializeError, Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};

use crate::{FieldErrors, PolicyId};

/// Policies that one decision may name.
pub const MAX_CITED: usize = 10;

/// A policy that a decision names, at the version that it had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CitedPolicy {
    /// Which.
    pub id: PolicyId,
    /// Its version when the decision was made.
    pub version: i64,
}

/// The policies that a body names: no more than 10, none of them twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyIds(pub Vec<PolicyId>);

/// What is wrong with the member `policies` of a decision's body, of which these can be named.
pub fn wrong_policies(named: &[PolicyId], can_be_named: impl Fn(PolicyId) -> bool) -> FieldErrors {
    let mut errors = FieldErrors::default();
    for (index, policy) in named.iter().enumerate() {
        if !can_be_named(*policy) {
            errors.add(format!("policies.{index}"), "There is no such policy, or it is retired.");
        }
    }
    errors
}

impl<E: DeserializeError> Deserr<E> for PolicyIds {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let ids = Vec::<PolicyId>::deserialize_from_value(value, location)?;
        if ids.len() > MAX_CITED {
            let message = format!("At most {MAX_CITED} policies are allowed.");
            return Err(crate::input::refuse(message, location));
        }
        if ids.iter().enumerate().any(|(index, id)| ids.iter().take(index).any(|had| had == id)) {
            let message = "A policy is named twice: name each once.".to_owned();
            return Err(crate::input::refuse(message, location));
        }
        Ok(Self(ids))
    }
}
