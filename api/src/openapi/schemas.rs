//! Completes schemas: names of pages, required members, closed bodies.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr};

use super::place::operations;

/// How the name of a page of a list begins, as utoipa makes it of `List<T>`.
const PAGE: &str = "List_";
const SCHEMAS: &str = "#/components/schemas/";

/// Completes the schemas of the whole document.
pub(super) fn complete(openapi: &mut OpenApi) {
    name_pages(openapi);
    let sent = reached(openapi, |operation| names(&operation.responses));
    let taken =
        reached(openapi, |operation| names(&(&operation.request_body, &operation.parameters)));
    close(openapi);
    let Some(components) = &mut openapi.components else { return };
    for name in sent.difference(&taken) {
        if let Some(RefOr::T(schema)) = components.schemas.get_mut(name) {
            require_nullable(schema);
        }
    }
    components.schemas.retain(|name, _| sent.contains(name) || taken.contains(name));
}

/// `List_Product` becomes `ProductPage`, whose items refer to `Product`.
fn name_pages(openapi: &mut OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            for response in operation.responses.responses.values_mut() {
                let RefOr::T(response) = response else { continue };
                response.content.values_mut().for_each(refer_to_page);
            }
        }
    }
    let Some(Components { schemas, .. }) = &mut openapi.components else { return };
    let pages = schemas.keys().filter_map(|name| name.strip_prefix(PAGE));
    let pages: Vec<_> = pages.map(str::to_owned).collect();
    for item in pages {
        let Some(mut page) = schemas.remove(&format!("{PAGE}{item}")) else { continue };
        if let RefOr::T(Schema::Object(page)) = &mut page
            && let Some(RefOr::T(Schema::Array(results))) = page.properties.get_mut("results")
        {
            let reference = RefOr::Ref(Ref::from_schema_name(&item));
            results.items = ArrayItems::RefOrSchema(Box::new(reference));
        }
        schemas.insert(format!("{item}Page"), page);
    }
}

fn refer_to_page(content: &mut RefOr<Content>) {
    if let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content
        && let Some(item) = schema.ref_location.strip_prefix(&format!("{SCHEMAS}{PAGE}"))
    {
        schema.ref_location = format!("{SCHEMAS}{item}Page");
    }
}

/// Members that can be null are sent all the same.
fn require_nullable(schema: &mut Schema) {
    match schema {
        Schema::Object(object) => require_nullable_of(object),
        Schema::AllOf(parts) => {
            for part in &mut parts.items {
                if let RefOr::T(part) = part {
                    require_nullable(part);
                }
            }
        }
        _ => {}
    }
}

fn require_nullable_of(object: &mut Object) {
    let nullable = object.properties.iter().filter(|(_, member)| is_nullable(member));
    let nullable: Vec<_> = nullable.map(|(name, _)| name.clone()).collect();
    for name in nullable {
        if !object.required.contains(&name) {
            object.required.push(name);
        }
    }
}

fn is_nullable(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(schema) = schema else { return false };
    match schema {
        Schema::Object(Object { schema_type, .. }) => has_null(schema_type),
        Schema::Array(array) => has_null(&array.schema_type),
        Schema::OneOf(choices) => choices.items.iter().any(is_nullable),
        _ => false,
    }
}

fn has_null(types: &SchemaType) -> bool {
    match types {
        SchemaType::Type(name) => *name == Type::Null,
        SchemaType::Array(names) => names.contains(&Type::Null),
        SchemaType::AnyValue => false,
    }
}

/// Bodies of POST have no members but those that are told. PUT and PATCH also take what GET gave.
fn close(openapi: &mut OpenApi) {
    let (mut posted, mut edited) = (BTreeSet::new(), BTreeSet::new());
    for item in openapi.paths.paths.values_mut() {
        for (method, operation) in operations(item) {
            let into = if method == "post" { &mut posted } else { &mut edited };
            into.extend(names(&operation.request_body));
        }
    }
    let Some(components) = &mut openapi.components else { return };
    for name in posted.difference(&edited) {
        if let Some(RefOr::T(Schema::Object(body))) = components.schemas.get_mut(name) {
            body.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// The schemas that something of every operation needs, those of their members too.
fn reached(openapi: &mut OpenApi, of: impl Fn(&Operation) -> BTreeSet<String>) -> BTreeSet<String> {
    let mut left = BTreeSet::from(["Problem".to_owned()]);
    for item in openapi.paths.paths.values_mut() {
        left.extend(operations(item).flat_map(|(_, operation)| of(operation)));
    }
    let mut reached = BTreeSet::new();
    while let Some(name) = left.pop_first() {
        let schema = openapi.components.as_ref().and_then(|of| of.schemas.get(&name));
        if reached.insert(name) {
            left.extend(schema.map(names).unwrap_or_default());
        }
    }
    reached
}

/// Names of the schemas that something refers to.
fn names(of: &impl Serialize) -> BTreeSet<String> {
    let mut left = vec![serde_json::to_value(of).unwrap_or_default()];
    let mut names = BTreeSet::new();
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                names.extend(reference.and_then(|to| to.strip_prefix(SCHEMAS)).map(str::to_owned));
                left.extend(members.into_iter().map(|(_, member)| member));
            }
            Value::Array(items) => left.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    names
}
