//! What answers that are no errors have in common.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{
    KnownFormat, ObjectBuilder, OneOf, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, RefOr, Required, Response};

use super::place::{Place, gives_parts};

/// Describes answers and gives bodies of bytes their schema. HEAD has no bodies.
pub(super) fn complete(place: Place<'_>, operation: &mut Operation) {
    if gives_parts(operation) {
        parts_of_a_file(operation);
    }
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

/// The answers besides the whole file.
fn parts_of_a_file(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let Some(RefOr::T(whole)) = responses.get_mut("200") else { return };
    "The whole file".clone_into(&mut whole.description);
    let mut part = whole.clone();
    "The requested range".clone_into(&mut part.description);
    let elsewhere =
        Response::new("The storage serves the file, at the address in Location, for a minute");
    for (status, response) in [("206", part), ("304", Response::default()), ("307", elsewhere)] {
        responses.insert(status.to_owned(), RefOr::T(response));
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
