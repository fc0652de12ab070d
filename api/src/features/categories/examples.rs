//! Examples of categories.

use domain::CategoryId;
use domain::category::{CreateCategory, EditCategory};
use projections::Category;
use serde_json::json;
use uuid::Uuid;

use crate::features::feature::Example;
use crate::features::samples::{SUBMITTED, id};

pub(crate) const CATEGORY: Uuid = id(4);

/// Of each body.
pub(super) fn examples() -> Vec<Example> {
    vec![
        Example::request::<CreateCategory>(
            json!({ "name": "Lamps", "description": "What gives light." }),
        ),
        Example::request::<EditCategory>(json!({ "description": "Lamps and lanterns." })),
        Example::answer(&category()),
    ]
}

fn category() -> Category {
    Category {
        id: CategoryId::from_uuid(CATEGORY),
        name: "Lamps".to_owned(),
        description: "What gives light.".to_owned(),
        product_count: 1,
        version: 1,
        created_at: SUBMITTED,
        updated_at: SUBMITTED,
    }
}
