//! What answers that are no errors have in common.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOf, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, RefOr, Required};

use super::place::Place;

/// Describes answers and gives bodies of bytes their schema. HEAD has no bodies.
pub(super) fn complete(place: Place<'_>, operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if place.method == "head" {
            response.content.clear();
        }
        for (kind, content) in &mut response.content {
            bytes(kind, content);
        }
        if response.description.is_empty() {
            describe(place, status).clone_into(&mut response.description);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for (kind, content) in &mut body.content {
            bytes(kind, content);
            if unwrap_optional(content) {
                body.required = Some(Required::False);
            }
        }
    }
}

/// A description is required (OpenAPI 3.1, 4.8.17).
fn describe(place: Place<'_>, status: &str) -> &'static str {
    match (status, place.method) {
        ("200", "get") => "OK",
        ("200", _) => "Done",
        ("201", _) => "Created",
        ("202", _) => "Accepted: it will be done",
        ("204", _) => "Done, without a body",
        ("304", _) => "Not modified: the client has the current representation",
        _ => "",
    }
}

/// Whatever is neither JSON nor text is bytes.
fn bytes(kind: &str, content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    let is_text =
        kind.ends_with("json") || kind.starts_with("text/") || kind.starts_with("multipart/");
    if !is_text {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        content.schema = Some(schema.into());
    }
}

/// A body that may be left out: its schema is that of the body, which is not required.
fn unwrap_optional(content: &mut RefOr<Content>) -> bool {
    let RefOr::T(content) = content else { return false };
    let Some(RefOr::T(Schema::OneOf(OneOf { items, .. }))) = &content.schema else { return false };
    let is_null = |item: &RefOr<Schema>| {
        matches!(item, RefOr::T(Schema::Object(object))
            if object.schema_type == SchemaType::Type(Type::Null))
    };
    let Some(item) = items.iter().find(|item| !is_null(item)).cloned() else { return false };
    if !items.iter().any(is_null) {
        return false;
    }
    content.schema = Some(item);
    true
}
