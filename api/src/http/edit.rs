//! Bodies that make or change a resource, with all that is wrong with them. What GET gave may be
//! sent back by PUT and PATCH, read-only members included, as long as those stay as they are.

use deserr::Deserr;
use domain::FieldErrors;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::input::{Object, read};
use crate::http::problem::Problem;

const READ_ONLY: &str = "This field is read-only: leave it out, or send it as GET gives it now.";

/// A body beside the representation that it changes.
pub(crate) struct Edit {
    /// What is left to be read.
    pub body: Map<String, Value>,
    /// The current representation.
    pub current: Map<String, Value>,
    changed: FieldErrors,
    wrong: FieldErrors,
}

impl Edit {
    /// Compares a body with the current representation.
    pub(crate) fn new(Object(body): Object, current: &impl Serialize) -> Self {
        let current = match serde_json::to_value(current) {
            Ok(Value::Object(current)) => current,
            Ok(_) | Err(_) => Map::new(),
        };
        let (changed, wrong) = (FieldErrors::default(), FieldErrors::default());
        Self { body, current, changed, wrong }
    }

    /// A body that makes something new.
    pub(crate) fn creation(body: Map<String, Value>) -> Self {
        Self::new(Object(body), &Map::new())
    }

    /// Takes out every member that can't be written, noting which of them were changed. What the
    /// representation does not have stays, to be refused as unknown.
    pub(crate) fn keep_writable(&mut self, writable: &[&str]) {
        let names: Vec<_> = self.body.keys().cloned().collect();
        for name in names.iter().filter(|name| !writable.contains(&name.as_str())) {
            let Some(current) = self.current.get(name) else { continue };
            if self.body.get(name).is_some_and(|sent| !same(sent, current)) {
                self.changed.add(name, READ_ONLY);
            }
            self.body.remove(name);
        }
    }

    /// Notes that a nested member was changed that can't be.
    pub(crate) fn changed(&mut self, field: impl AsRef<str>) {
        self.changed.add(field, READ_ONLY);
    }

    /// Notes what else is wrong.
    pub(crate) fn wrong(&mut self, errors: FieldErrors) {
        self.wrong.merge(errors);
    }

    /// Reads what is left; every wrong field is told at once.
    pub(crate) fn read<T: Deserr<FieldErrors>>(self) -> Result<T, Problem> {
        let Self { body, changed, mut wrong, .. } = self;
        match read(body) {
            Ok(read) if changed.is_empty() && wrong.is_empty() => return Ok(read),
            Ok(_) => {}
            Err(errors) => wrong.merge(errors),
        }
        if changed.is_empty() {
            return Err(wrong.into());
        }
        let detail = "Some members cannot be changed: see errors.";
        Err(Problem::bad("read_only", detail).with_errors(changed).with_more(wrong))
    }
}

/// Equality of JSON values, where 1 and 1.0 are the same number.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use domain::category::EditCategory;
    use serde_json::json;

    use super::*;

    fn edit(body: Value) -> Result<EditCategory, Problem> {
        let current = json!({"id": "7", "name": "Lamps", "product_count": 3, "version": 1});
        let Value::Object(body) = body else { panic!("an object") };
        let mut edit = Edit::new(Object(body), &current);
        edit.keep_writable(&["name", "description"]);
        edit.read()
    }

    fn wrong(problem: &Problem) -> Vec<&str> {
        problem.errors().fields().collect()
    }

    #[test]
    fn what_get_gave_may_be_sent_back() {
        let body = json!({"id": "7", "name": "Lights", "product_count": 3.0, "version": 1});

        let name = edit(body).unwrap().name.0.unwrap();

        assert_eq!(name.as_str(), "Lights");
    }

    #[test]
    fn changed_read_only_members_are_told_beside_all_else_that_is_wrong() {
        let body = json!({"id": "8", "name": "", "version": 1, "colour": "red"});

        let problem = edit(body).unwrap_err();

        assert_eq!(wrong(&problem), ["colour", "id", "name"]);
        assert_eq!(problem.code(), "read_only");
    }

    #[test]
    fn an_unknown_member_alone_is_invalid_input() {
        assert_eq!(edit(json!({"colour": "red"})).unwrap_err().code(), "invalid_input");
    }
}
