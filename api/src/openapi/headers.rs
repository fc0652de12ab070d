//! Headers that answers have in common.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Response};

use super::place::{Place, gives_parts};

const REQUEST_ID: &str = "X-Request-Id";

/// Name, description and an example of each.
const SHARED: [(&str, &str, &str); 10] = [
    (
        REQUEST_ID,
        "The name of the request in the server's logs: as it was given, or made",
        "4f6c1d",
    ),
    (
        "ETag",
        "The version of the resource, and a digest of its representation where that depends on more",
        "\"3-9f86d081884c7d65\"",
    ),
    ("Location", "The address of what was created, or of where to go", "/products/"),
    ("Retry-After", "Seconds until the request may succeed", "1"),
    (
        "RateLimit",
        "The budget that is used up, and the seconds until it refills",
        "\"commands\";r=0;t=1",
    ),
    (
        "RateLimit-Policy",
        "The size of that budget, and its period in seconds",
        "\"commands\";q=600;w=60",
    ),
    ("WWW-Authenticate", "How to authenticate (RFC 6750)", "Bearer"),
    ("Content-Range", "The range, and the size of the whole file", "bytes 0-1023/20812345"),
    ("Tus-Resumable", "The version of tus", "1.0.0"),
    ("Idempotent-Replayed", "true where this is the stored answer of the first request", "true"),
];

/// Adds to each answer the headers that it has.
pub(super) fn complete(place: Place<'_>, operation: &mut Operation) {
    let is_file = gives_parts(operation);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        for name in of(place, status, is_file) {
            add(response, name);
        }
    }
}

/// Adds a shared header to an answer.
pub(super) fn add(response: &mut Response, name: &str) {
    let reference = Ref::new(format!("#/components/headers/{name}"));
    response.headers.entry(name.to_owned()).or_insert(RefOr::Ref(reference));
}

/// The shared headers of an answer.
fn of(place: Place<'_>, status: &str, is_file: bool) -> Vec<&'static str> {
    let mut names = of_status(status);
    let succeeds = matches!(status, "200" | "201");
    let is_resumable = place.policy.is_resumable();
    let is_resource = place.policy.is_versioned() || place.creates() && !is_resumable;
    if succeeds && is_resource && place.method != "delete"
        || status == "304"
        || is_file && matches!(status, "200" | "206")
    {
        names.push("ETag");
    }
    if status == "201" && place.creates() {
        names.push("Location");
    }
    if status == "206" {
        names.push("Content-Range");
    }
    if status.starts_with('2') && is_resumable {
        names.push("Tus-Resumable");
    }
    if status.starts_with('2') && place.is_act() {
        names.push("Idempotent-Replayed");
    }
    names
}

/// What an answer of that status has, wherever it comes from.
pub(super) fn of_status(status: &str) -> Vec<&'static str> {
    let mut names = vec![REQUEST_ID];
    names.extend(match status {
        "303" | "307" => ["Location"].as_slice(),
        "401" => &["WWW-Authenticate"],
        "423" | "503" => &["Retry-After"],
        "429" => &["Retry-After", "RateLimit", "RateLimit-Policy"],
        _ => &[],
    });
    names
}

/// Puts them where answers refer to.
pub(super) fn share(components: &mut Components) {
    for (name, description, example) in SHARED {
        components.headers.insert(name.to_owned(), RefOr::T(header(description, example)));
    }
}

fn header(description: &str, example: &str) -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(description))
        .example(Some(example.into()))
        .build()
}
