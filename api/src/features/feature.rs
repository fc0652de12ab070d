//! What a feature says of itself beside its routes. The table of contents lists it (`router.rs`).

use deserr::Deserr;
use domain::{FieldErrors, Refusal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::resource::Shown;

/// A feature, as the OpenAPI document and repeated requests need it.
pub(crate) struct Feature {
    /// The tag of its operations, and what the document says of it.
    pub tag: (&'static str, &'static str),
    /// The ids that its paths have.
    pub ids: &'static [SampleId],
    /// An example of each body.
    pub examples: fn() -> Vec<Example>,
    /// What its rules answer, where they have codes of their own.
    pub refusals: fn() -> Vec<Refusal>,
    /// The resource that its commands answer with.
    pub shown: Option<Shown>,
}

/// An id of the examples.
#[derive(Clone, Copy)]
pub(crate) struct SampleId {
    /// The name of its type.
    pub kind: &'static str,
    /// What it names.
    pub noun: &'static str,
    pub id: Uuid,
}

/// An example of a body.
pub(crate) struct Example {
    /// The name of the body's schema.
    pub schema: String,
    /// The one operation whose answer it is; `None`: every one's that has no other.
    pub operation: Option<&'static str>,
    pub value: Value,
}

impl Example {
    /// A body of requests, which the route reads as that type.
    pub(crate) fn request<T: Deserr<FieldErrors> + ToSchema>(value: Value) -> Self {
        let read = domain::read::<T>(value.clone());
        debug_assert!(read.is_ok(), "{}: {:?}", T::name(), read.err());
        Self::of::<T>(value)
    }

    /// A body of answers.
    pub(crate) fn answer<T: Serialize + ToSchema>(value: &T) -> Self {
        Self::of::<T>(serde_json::to_value(value).unwrap_or_default())
    }

    /// A body that is documented as that type.
    pub(crate) fn of<T: ToSchema>(value: Value) -> Self {
        Self { schema: T::name().into_owned(), operation: None, value }
    }

    /// The answer of one operation alone.
    pub(crate) fn after(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }
}
