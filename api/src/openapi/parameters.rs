//! Parameters that operations have in common.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Deprecated, RefOr, Required};

use super::place::{Place, type_of_id};
use super::samples::Samples;

/// `*`, or a list of entity tags.
const TAGS: &str = r#"^[ \t]*(\*|(W/)?"[^"]*"([ \t]*,[ \t]*(W/)?"[^"]*")*)[ \t]*$"#;
/// Printable ASCII; spaces around a header's value do not count.
const KEY: &str = r"^[ \t]*[!-~]([ -~]{0,253}[!-~])?[ \t]*$";

/// Adds the conditional headers and `Idempotency-Key`, and describes ids.
pub(super) fn complete(place: Place<'_>, operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            describe(parameter, place.samples);
        }
    }
    if place.is_act() {
        let description = "Makes the request safe to repeat for 24 hours: 1 to 255 printable ASCII \
            characters, such as a UUID that the client makes for each act";
        add(operation, header("Idempotency-Key", KEY, description));
    }
    if !place.policy.is_versioned() {
        return;
    }
    if place.method == "get" {
        let description = "ETags that the client has: 304 where the answer would be one of them";
        add(operation, header("If-None-Match", TAGS, description));
    } else {
        let description =
            "ETags that the client has seen: 412 where the resource has another version";
        add(operation, header("If-Match", TAGS, description));
    }
}

fn describe(parameter: &mut Parameter, samples: &Samples) {
    if let Some((kind, id)) = type_of_id(parameter).and_then(|kind| samples.id_of(kind)) {
        parameter.description.get_or_insert_with(|| format!("The id of the {kind}"));
        let id = id.to_string();
        *parameter = ParameterBuilder::from(parameter.clone()).example(Some(id.into())).build();
    }
    // Only those that are deprecated have to say so.
    parameter.deprecated.take_if(|deprecated| *deprecated == Deprecated::False);
}

fn add(operation: &mut Operation, parameter: Parameter) {
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn header(name: &str, pattern: &str, description: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
