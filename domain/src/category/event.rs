use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, IntoStaticStr, VariantNames};

use super::{CategoryDescription, CategoryName};
use crate::Change;

/// What happened to a category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(CategoryEventType),
    derive(IntoStaticStr, VariantNames),
    doc = "The types of such events."
)]
pub enum CategoryEvent {
    /// It was made.
    CategoryCreated {
        /// Its name.
        name: CategoryName,
        /// Its description.
        description: CategoryDescription,
    },
    /// It was changed.
    CategoryEdited {
        /// From what to what.
        changes: CategoryChanges,
    },
    /// It was taken away.
    CategoryDeleted,
}

/// What an edit changed; at least one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryChanges {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<CategoryName>>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Change<CategoryDescription>>,
}

/// None of them does.
impl crate::HoldsPersonal for CategoryEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut crate::Personal)> {
        vec![]
    }
}
