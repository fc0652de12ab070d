//! What is wrong with an input, by field: of bounded size, however much is wrong, since an answer
//! must not be larger than what it answers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Fields that are told.
const MAX_FIELDS: usize = 50;
/// Bytes of JSON that fields and messages take together.
const MAX_BYTES: usize = 16 * 1024 - FOR_THE_REST;
/// Bytes of a field's name, which the client may have made up.
const MAX_NAME: usize = 100;
/// Bytes of one message.
const MAX_MESSAGE: usize = 500;
/// Where the JSON form counts what is left out.
const REST: &str = "*";
/// More than that member takes.
const FOR_THE_REST: usize = 100;

/// What is wrong with an input, by field. Nested fields are dotted: `items.0.quantity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the input is invalid: {by_field:?} and {left_out} more")]
pub struct FieldErrors {
    by_field: BTreeMap<String, Vec<String>>,
    bytes: usize,
    left_out: usize,
}

impl FieldErrors {
    /// One field, one message.
    pub fn one(field: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a message to a field, once. Once one did not fit, it and all that follow are only counted.
    pub fn add(&mut self, field: impl AsRef<str>, message: impl AsRef<str>) {
        if self.is_full() {
            self.leave_out();
            return;
        }
        let (field, message) = (cut(field.as_ref(), MAX_NAME), cut(message.as_ref(), MAX_MESSAGE));
        let told = self.by_field.get(field.as_ref());
        if told.is_some_and(|told| told.iter().any(|known| *known == message)) {
            return;
        }
        let is_new = told.is_none();
        let bytes = json_size(&message) + if is_new { json_size(&field) } else { 0 };
        let fits =
            self.bytes + bytes <= MAX_BYTES && !(is_new && self.by_field.len() >= MAX_FIELDS);
        if fits && field != REST {
            self.bytes += bytes;
            self.by_field.entry(field.into_owned()).or_default().push(message.into_owned());
        } else {
            self.leave_out();
        }
    }

    /// Counts an error, and does not tell it.
    pub(crate) const fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.by_field.is_empty() && self.left_out == 0
    }

    /// Whether what else is wrong will only be counted.
    pub const fn is_full(&self) -> bool {
        self.left_out > 0
    }

    /// The fields that are told.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.by_field.keys().map(String::as_str)
    }

    /// The messages that are told, field by field.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.by_field.values().flatten().map(String::as_str)
    }

    /// Takes over what another found.
    pub fn merge(&mut self, other: Self) {
        for (field, messages) in other.by_field {
            for message in messages {
                self.add(&field, message);
            }
        }
        self.left_out += other.left_out;
    }

    /// These errors, with fields renamed.
    #[must_use]
    pub fn renamed(self, name: impl Fn(&str) -> &str) -> Self {
        let mut renamed = Self::default();
        for (field, messages) in &self.by_field {
            for message in messages {
                renamed.add(name(field), message);
            }
        }
        renamed.left_out += self.left_out;
        renamed
    }

    /// `Ok` where nothing is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// `{"name": ["Too long."], "*": ["and 7 more"]}`; the last member only where some are left out.
impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, messages) in &self.by_field {
            map.serialize_entry(field, messages)?;
        }
        if self.left_out > 0 {
            map.serialize_entry(REST, &[format!("and {} more", self.left_out)])?;
        }
        map.end()
    }
}

/// As much of a text as fits, with an ellipsis where it was longer.
pub(crate) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(longest);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Part of a field's name, no longer than the whole may be.
pub(crate) fn cut_name(text: &str) -> Cow<'_, str> {
    cut(text, MAX_NAME)
}

/// Bytes that a text takes in JSON, with its quotes and a separator.
fn json_size(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(of).sum::<usize>() + 4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json(errors: &FieldErrors) -> serde_json::Value {
        serde_json::to_value(errors).unwrap()
    }

    #[test]
    fn the_fifty_first_field_and_all_after_it_are_counted() {
        let mut errors = FieldErrors::default();
        for number in 0..1_000 {
            errors.add(format!("field_{number:04}"), "Unknown.");
        }

        let json = json(&errors);

        assert_eq!(json.as_object().unwrap().len(), 51);
        assert_eq!(json["field_0049"], json!(["Unknown."]));
        assert_eq!(json[REST], json!(["and 950 more"]));
    }

    #[test]
    fn sixteen_kibibytes_are_never_exceeded_whatever_has_to_be_escaped() {
        for text in ["x", "\"", "\u{1}", "é", "\u{10ffff}"] {
            let mut errors = FieldErrors::default();
            for number in 0..10_000 {
                errors.add(format!("{}{number}", text.repeat(60)), text.repeat(900));
                errors.add("one field", format!("{}{number}", text.repeat(10)));
            }

            let bytes = serde_json::to_vec(&errors).unwrap().len();

            assert!(bytes <= 16 * 1024, "{text}: {bytes}");
            assert!(errors.is_full());
        }
    }

    #[test]
    fn a_message_is_told_once() {
        let mut errors = FieldErrors::one("name", "Too long.");

        errors.merge(errors.clone());
        errors.add("name", "Unknown.");

        assert_eq!(json(&errors), json!({"name": ["Too long.", "Unknown."]}));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let errors = FieldErrors::one("é".repeat(1_000_000), "Unknown.");

        let field = errors.fields().next().unwrap();

        assert_eq!(field, format!("{}…", "é".repeat(50)));
    }

    #[test]
    fn merging_adds_up_what_is_left_out() {
        let many = |prefix: &str| {
            let mut errors = FieldErrors::default();
            (0..60).for_each(|number| errors.add(format!("{prefix}{number}"), "Unknown."));
            errors
        };
        let mut errors = many("a");

        errors.merge(many("b"));

        assert_eq!(json(&errors)[REST], json!(["and 70 more"]));
        assert_eq!(json(&errors.renamed(|field| field))[REST], json!(["and 70 more"]));
    }

    #[test]
    fn a_field_that_is_named_like_the_count_is_counted() {
        let mut errors = FieldErrors::one(REST, "Unknown.");
        errors.add("name", "Too long.");

        assert_eq!(json(&errors), json!({REST: ["and 2 more"]}));
    }
}
