//! Reading bodies: every wrong field is told at once.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::str::FromStr;

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind,
    ValuePointerRef,
};

use crate::FieldErrors;
use crate::field_errors::cut_name;

impl MergeWithError<Self> for FieldErrors {
    fn merge(
        earlier: Option<Self>,
        other: Self,
        _location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let mut errors = earlier.unwrap_or_default();
        errors.merge(other);
        ControlFlow::Continue(errors)
    }
}

impl DeserializeError for FieldErrors {
    fn error<V: IntoValue>(
        earlier: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let mut errors = earlier.unwrap_or_default();
        if errors.is_full() {
            errors.leave_out();
            return ControlFlow::Continue(errors);
        }
        let path = dotted(location);
        match error {
            ErrorKind::MissingField { field } => {
                errors.add(below(&path, field), "This field is required.");
            }
            ErrorKind::UnknownKey { key, .. } => {
                errors.add(below(&path, key), "Unknown field: leave it out.");
            }
            ErrorKind::IncorrectValueKind { actual, accepted } => {
                errors.add(or_body(path), wrong_kind(actual.kind(), accepted));
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                let accepted = accepted.join(", ");
                errors.add(
                    or_body(path),
                    format!("Not a valid choice: one of {accepted} is expected."),
                );
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                errors.add(or_body(path), format!("A list of {expected} values is expected."));
            }
            ErrorKind::Unexpected { msg } => errors.add(or_body(path), msg),
        }
        ControlFlow::Continue(errors)
    }
}

fn dotted(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => below(&dotted(*prev), key),
        ValuePointerRef::Index { index, prev } => below(&dotted(*prev), &index.to_string()),
    }
}

/// A client can make up long names, and many errors in one of them: each is cut before it is copied.
fn below(path: &str, key: &str) -> String {
    let key = cut_name(key);
    if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") }
}

fn or_body(path: String) -> String {
    if path.is_empty() { "body".to_owned() } else { path }
}

fn wrong_kind(actual: ValueKind, accepted: &[ValueKind]) -> String {
    if actual == ValueKind::Null {
        return "This field may not be null.".to_owned();
    }
    let expected = match accepted.first() {
        Some(ValueKind::String) => "a string",
        Some(ValueKind::Boolean) => "true or false",
        Some(ValueKind::Integer | ValueKind::NegativeInteger) => "a whole number",
        Some(ValueKind::Float) => "a number",
        Some(ValueKind::Sequence) => "a list",
        Some(ValueKind::Map) => "an object",
        Some(ValueKind::Null) | None => "another type",
    };
    format!("Wrong type: {expected} is expected.")
}

/// Reads a body, telling every wrong field at once.
pub fn read<T: Deserr<FieldErrors>>(body: serde_json::Value) -> Result<T, FieldErrors> {
    deserr::deserialize::<T, _, FieldErrors>(body)
}

/// Reads a string and lets `parse` judge it; the way in for every typed string.
pub(crate) fn read_string<T, V: IntoValue, E: DeserializeError>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
    parse: impl FnOnce(String) -> Result<T, String>,
) -> Result<T, E> {
    let text = String::deserialize_from_value(value, location)?;
    parse(text).map_err(|message| refuse(message, location))
}

/// Reads a string that the type's own `FromStr` judges.
pub(crate) fn read_parsed<T, V: IntoValue, E: DeserializeError>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
) -> Result<T, E>
where
    T: FromStr<Err: Display>,
{
    read_string(value, location, |text| text.parse().map_err(|error: T::Err| error.to_string()))
}

/// An error of one value at its place.
pub(crate) fn refuse<E: DeserializeError>(message: String, location: ValuePointerRef<'_>) -> E {
    let error = ErrorKind::Unexpected::<serde_json::Value> { msg: message };
    match E::error(None, error, location) {
        ControlFlow::Continue(error) | ControlFlow::Break(error) => error,
    }
}

/// A member of a PATCH body (RFC 7396): left out, `null`, or a new value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Left out: unchanged.
    #[default]
    Keep,
    /// `null`: taken away.
    Clear,
    /// A new value.
    Set(T),
}

impl<T> Patch<T> {
    /// What the member is after the patch.
    pub fn or(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Deserr<E>, E: DeserializeError> Deserr<E> for Patch<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match value {
            Value::Null => Ok(Self::Clear),
            value => T::deserialize_from_value(value, location).map(Self::Set),
        }
    }
}

/// A member that may be left out of a body, but not be `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T>(pub Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Deserr<E>, E: DeserializeError> Deserr<E> for Given<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        T::deserialize_from_value(value, location).map(|value| Self(Some(value)))
    }
}

/// Reads a choice by its name on the wire, for enums with `ALL` and `as_str`.
macro_rules! named {
    ($($name:ident),*) => {$(
        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|value| value.as_str() == text).ok_or_else(|| {
                    let choices = Self::ALL.map(Self::as_str).join(", ");
                    format!("Not a valid choice: one of {choices} is expected.")
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl<E: deserr::DeserializeError> deserr::Deserr<E> for $name {
            fn deserialize_from_value<V: deserr::IntoValue>(value: deserr::Value<V>, location: deserr::ValuePointerRef<'_>) -> Result<Self, E> {
                crate::input::read_string(value, location, |text| text.parse())
            }
        }
    )*};
}
pub(crate) use named;
