//! An example of each body. Those of answers are serialised values of the types that routes answer
//! with; those of requests are read by the types that routes take. Features have them.

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Array, ArrayItems, Schema};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use super::place::operations;
use super::samples::Samples;

/// Gives every body of a named schema its example.
pub(super) fn complete(openapi: &mut OpenApi, samples: &Samples) {
    for item in openapi.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            complete_operation(operation, samples);
        }
    }
}

fn complete_operation(operation: &mut Operation, samples: &Samples) {
    let id = operation.operation_id.clone().unwrap_or_default();
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(|content| add(content, |name| samples.body(name, &id)));
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for content in response.content.values_mut() {
            add(content, |name| samples.body(name, &id));
        }
    }
}

fn add(content: &mut RefOr<Content>, example: impl Fn(&str) -> Option<Value>) {
    let RefOr::T(content) = content else { return };
    if content.example.is_some() {
        return;
    }
    content.example = match &content.schema {
        Some(RefOr::Ref(schema)) => example(name(schema)),
        Some(RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(item), .. }))) => {
            match &**item {
                RefOr::Ref(item) => example(name(item)).map(|item| json!([item])),
                RefOr::T(_) => None,
            }
        }
        Some(RefOr::T(_)) | None => None,
    };
}

fn name(schema: &Ref) -> &str {
    schema.ref_location.rsplit('/').next().unwrap_or_default()
}
