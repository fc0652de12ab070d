//! A product's category in a body: `category_id`, or `category` as GET gives it.

use domain::FieldErrors;
use projections::CategorySummary;
use serde_json::{Map, Value};

use crate::http::edit::{Edit, same};

/// Puts `category_id` in place of `category`. Members of the category that the product is in can't
/// be changed beside its id.
pub(super) fn named(edit: &mut Edit, current: Option<&CategorySummary>) {
    let Some(category) = edit.body.remove("category") else { return };
    let Value::Object(category) = category else {
        return edit.wrong(FieldErrors::one("category", "An object with an id is expected."));
    };
    let id = category.get("id").cloned();
    match &id {
        None => edit.wrong(FieldErrors::one("category.id", "This field is required.")),
        Some(id) => {
            let given = edit.body.entry("category_id").or_insert_with(|| id.clone());
            if given != id {
                let message = "This is another category than in category.";
                edit.wrong(FieldErrors::one("category_id", message));
            }
        }
    }
    let id = id.as_ref().and_then(Value::as_str);
    note_changed(edit, &category, current.filter(|current| id == Some(&current.id.to_string())));
}

fn note_changed(edit: &mut Edit, sent: &Map<String, Value>, current: Option<&CategorySummary>) {
    for (name, value) in sent.iter().filter(|(name, _)| *name != "id") {
        let had = match name.as_str() {
            "name" => current.map(|current| &current.name),
            "description" => current.map(|current| &current.description),
            _ => {
                let message = "Unknown field: leave it out.";
                edit.wrong(FieldErrors::one(format!("category.{name}"), message));
                continue;
            }
        };
        if had.is_some_and(|had| !same(value, &Value::from(had.as_str()))) {
            edit.changed(format!("category.{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::product::EditProduct;
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

    /// The body that is read then, or the fields that are wrong.
    fn read(body: Value) -> Result<Value, Vec<String>> {
        let Value::Object(body) = body else { panic!("an object") };
        let mut edit = Edit::creation(body);
        named(&mut edit, Some(&lamps()));
        let named = Value::Object(edit.body.clone());
        edit.body.clear();
        match edit.read::<EditProduct>() {
            Ok(_) => Ok(named),
            Err(problem) => Err(problem.errors().fields().map(str::to_owned).collect()),
        }
    }

    #[test]
    fn the_category_may_come_as_get_gives_it() {
        let category = serde_json::to_value(lamps()).unwrap();
        let body = read(json!({"name": "Lamp", "category": category}));
        assert_eq!(body, Ok(json!({"name": "Lamp", "category_id": lamps().id})));
    }

    #[test]
    fn a_category_is_not_renamed_through_its_products() {
        let body = read(json!({"category": {"id": lamps().id, "name": "Lights"}}));
        assert_eq!(body, Err(vec!["category.name".to_owned()]));
    }

    #[test]
    fn two_categories_contradict_each_other_and_what_else_is_wrong_is_told_beside() {
        let other = Uuid::from_u128(8).to_string();
        let category = json!({"id": lamps().id, "colour": "red"});
        let body = read(json!({"category_id": other, "category": category}));
        assert_eq!(body, Err(vec!["category.colour".to_owned(), "category_id".to_owned()]));
    }

    #[test]
    fn a_category_that_is_no_object_is_told_so() {
        assert_eq!(read(json!({"category": [1]})), Err(vec!["category".to_owned()]));
    }
}
