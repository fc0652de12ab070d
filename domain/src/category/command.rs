use deserr::Deserr;
use utoipa::ToSchema;

use crate::{Actor, Given, Text};

/// What a category is called.
pub type CategoryName = Text<1, 100>;
/// What belongs into a category.
pub type CategoryDescription = Text<0, 2000>;

/// What can be asked of a category.
#[derive(Clone, Debug)]
pub enum CategoryCommand {
    /// Makes it.
    Create {
        /// Who.
        by: Actor,
        /// The category.
        create: CreateCategory,
    },
    /// Changes it.
    Edit {
        /// Who.
        by: Actor,
        /// The changes.
        edit: EditCategory,
    },
    /// Takes it away; only an empty one, which the append makes sure of.
    Delete {
        /// Who.
        by: Actor,
    },
}

/// Body of `POST /categories/` and `PUT /categories/{id}/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct CreateCategory {
    /// Its name, unique without regard to case.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: CategoryName,
    /// Its description.
    #[deserr(default)]
    #[schema(value_type = String, max_length = 2000, required = false, default = "")]
    pub description: CategoryDescription,
}

/// Body of `PATCH /categories/{id}/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct EditCategory {
    /// A new name.
    #[deserr(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100, required = false)]
    pub name: Given<CategoryName>,
    /// A new description.
    #[deserr(default)]
    #[schema(value_type = String, max_length = 2000, required = false)]
    pub description: Given<CategoryDescription>,
}

impl From<CreateCategory> for EditCategory {
    fn from(whole: CreateCategory) -> Self {
        Self { name: Given(Some(whole.name)), description: Given(Some(whole.description)) }
    }
}
