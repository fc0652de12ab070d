//! What the method of an operation and the policy of its route imply.

use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};

use super::samples::Samples;
use crate::http::policy::Policy;

/// Where an operation is. Nothing else than its address depends on the path.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    path: &'a str,
    pub method: &'a str,
    pub policy: Policy,
    pub samples: &'a Samples,
}

/// The operations of a path, by method.
pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("put", item.put.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
        ("head", item.head.as_mut()),
        ("options", item.options.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

impl<'a> Place<'a> {
    pub const fn new(path: &'a str, method: &'a str, policy: Policy, samples: &'a Samples) -> Self {
        Self { path, method, policy, samples }
    }

    /// The path with the ids of the examples.
    pub fn example(self, operation: &Operation) -> String {
        let id = id_type(operation)
            .and_then(|kind| self.samples.id_of(kind))
            .map(|(_, id)| id.to_string());
        let path = self.path.replace("{id}", &id.unwrap_or_default());
        path.replace("{uid}", "AZkKGyw9cACAAAAAAAAAAQ").replace("{token}", "x")
    }

    /// Whether it is a POST that creates or acts, once under one `Idempotency-Key`.
    pub fn is_act(self) -> bool {
        self.method == "post" && self.policy.takes_key()
    }

    /// Whether it answers with a resource that it has created.
    pub fn creates(self) -> bool {
        self.method == "post" && self.policy.is_collection()
    }
}

/// The name of the type of the id that a path names.
pub(super) fn id_type(operation: &Operation) -> Option<&str> {
    operation.parameters.iter().flatten().find_map(|parameter| match parameter {
        RefOr::T(parameter) => type_of_id(parameter),
        RefOr::Ref(_) => None,
    })
}

/// The type of a parameter, where it is an id.
pub(super) fn type_of_id(parameter: &Parameter) -> Option<&str> {
    let is_id = parameter.parameter_in == ParameterIn::Path && parameter.name == "id";
    match &parameter.schema {
        Some(RefOr::Ref(schema)) if is_id => schema.ref_location.rsplit('/').next(),
        Some(_) | None => None,
    }
}

/// Whether it answers with a file of which a client may ask for a part (RFC 9110, 14).
pub(super) fn gives_parts(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Range"))
}
