//! A product's category in a body: `category_id`, or `category` as GET gives it.

use domain::FieldErrors;
use projections::CategorySummary;
use serde_json::{Map, Value};

use crate::edit::same;

/// Puts `category_id` in place of `category`. Gives the members of the category that the product
/// is in which were changed beside its id: these can't be written here.
pub(super) fn named(
    body: &mut Map<String, Value>,
    current: Option<&CategorySummary>,
) -> Result<Vec<String>, FieldErrors> {
    let Some(category) = body.remove("category") else { return Ok(vec![]) };
    let Value::Object(category) = category else {
        return Err(FieldErrors::one("category", "An object with an id is expected."));
    };
    let Some(id) = category.get("id").cloned() else {
        return Err(FieldErrors::one("category.id", "This field is required."));
    };
    let given = body.entry("category_id").or_insert_with(|| id.clone());
    if *given != id {
        return Err(FieldErrors::one("category_id", "This is another category than in category."));
    }
    let stays = current.filter(|current| id.as_str() == Some(&current.id.to_string()));
    changed(&category, stays)
}

fn changed(
    sent: &Map<String, Value>,
    current: Option<&CategorySummary>,
) -> Result<Vec<String>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut changed = vec![];
    for (name, value) in sent.iter().filter(|(name, _)| *name != "id") {
        let had = match name.as_str() {
            "name" => current.map(|current| &current.name),
            "description" => current.map(|current| &current.description),
            _ => {
                errors.add(format!("category.{name}"), "Unknown field: leave it out.");
                continue;
            }
        };
        if had.is_some_and(|had| !same(value, &Value::from(had.as_str()))) {
            changed.push(format!("category.{name}"));
        }
    }
    errors.into_result()?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn lamps() -> CategorySummary {
        CategorySummary {
            id: domain::CategoryId::from_uuid(Uuid::from_u128(7)),
            name: "Lamps".to_owned(),
            description: String::new(),
        }
    }

    fn read(body: Value) -> (Value, Result<Vec<String>, FieldErrors>) {
        let Value::Object(mut body) = body else { panic!("an object") };
        let changed = named(&mut body, Some(&lamps()));
        (Value::Object(body), changed)
    }

    #[test]
    fn the_category_may_come_as_get_gives_it() {
        let category = serde_json::to_value(lamps()).unwrap();
        let (body, changed) = read(json!({"name": "Lamp", "category": category}));
        assert_eq!(body, json!({"name": "Lamp", "category_id": lamps().id}));
        assert_eq!(changed, Ok(vec![]));
    }

    #[test]
    fn a_category_is_not_renamed_through_its_products() {
        let (_, changed) = read(json!({"category": {"id": lamps().id, "name": "Lights"}}));
        assert_eq!(changed, Ok(vec!["category.name".to_owned()]));
    }

    #[test]
    fn two_categories_contradict_each_other() {
        let other = Uuid::from_u128(8).to_string();
        let (_, changed) = read(json!({"category_id": other, "category": {"id": lamps().id}}));
        assert_eq!(changed.unwrap_err().fields().collect::<Vec<_>>(), ["category_id"]);
    }

    #[test]
    fn a_category_that_is_no_object_is_told_so() {
        let (_, changed) = read(json!({"category": [1]}));
        assert_eq!(changed.unwrap_err().fields().collect::<Vec<_>>(), ["category"]);
    }
}
