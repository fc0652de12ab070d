//! The errors of operations: those that many share are components, the others stand where they are.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Components, Content, Ref, RefOr, Response, ResponseBuilder};

use super::headers;
use super::place::{Place, id_type};
use super::samples::Samples;
use crate::http::problem::{Code, PROBLEM_JSON, ProblemBody, catalogued};

/// An error that many operations share: status, name, the code of its example, description.
type Shared = (u16, &'static str, &'static str, &'static str);

const SHARED: [Shared; 13] = [
    (
        400,
        "BadRequest",
        "invalid_input",
        "The request can't be read, or some of its input is invalid: `errors` names every wrong field",
    ),
    (
        401,
        "Unauthorized",
        "not_authenticated",
        "No access token, or one that expired or was revoked (`invalid_token`)",
    ),
    (
        403,
        "Forbidden",
        "permission_denied",
        "The caller's role does not allow it, or the resource is not the caller's",
    ),
    (404, "NotFound", "not_found", "Not found, or you have no access"),
    (408, "RequestTimeout", "request_timeout", "The body did not arrive in time"),
    (
        409,
        "Conflict",
        "conflict",
        "The state of the resource does not allow it, or the same request is still running",
    ),
    (
        412,
        "PreconditionFailed",
        "version_mismatch",
        "The resource has another version than `If-Match` names",
    ),
    (413, "ContentTooLarge", "body_too_large", "The body is too large"),
    (415, "UnsupportedMediaType", "unsupported_media_type", "The body has another media type"),
    (
        422,
        "UnprocessableContent",
        "idempotency_key_reused",
        "The `Idempotency-Key` was used before, for another request",
    ),
    (
        429,
        "TooManyRequests",
        "too_many_requests",
        "Too many requests: `Retry-After` says when to go on",
    ),
    (
        500,
        "InternalServerError",
        "internal_error",
        "The server failed: its log has the `X-Request-Id`",
    ),
    (
        503,
        "ServiceUnavailable",
        "overloaded",
        "The server is overloaded, or a part of it is down: `Retry-After` says when to try again",
    ),
];

/// Adds the errors that the operation's place and body imply, and those of its own.
pub(super) fn complete(place: Place<'_>, operation: &mut Operation, own: &[String]) {
    let mut errors: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for status in implied(place, operation) {
        errors.entry(status).or_default();
    }
    for code in own.iter().filter_map(|code| catalogued(code)) {
        errors.entry(code.1).or_default().push(code);
    }
    let path = place.example(operation);
    for (status, own) in errors {
        let is_implied = implied(place, operation).contains(&status);
        let mut response = match (shared(status), own.is_empty()) {
            (Some((_, name, ..)), true) => RefOr::Ref(Ref::from_response_name(*name)),
            (shared, _) => {
                RefOr::T(of_its_own(place.samples, &path, shared.filter(|_| is_implied), &own))
            }
        };
        if let (RefOr::T(response), "head") = (&mut response, place.method) {
            response.content.clear();
        }
        operation.responses.responses.insert(status.to_string(), response);
    }
}

fn implied(place: Place<'_>, operation: &Operation) -> Vec<u16> {
    // Any request can be one that HTTP does not know.
    let mut implied = vec![400, 500, 503];
    let mut when = |applies: bool, statuses: &[u16]| {
        implied.extend(statuses.iter().filter(|_| applies));
    };
    let (takes_body, is_open) =
        (operation.request_body.is_some(), operation.security.iter().flatten().next().is_none());
    when(!is_open, &[401, 403]);
    when(!place.policy.is_uncounted(), &[429]);
    when(takes_body, &[408, 413, 415]);
    when(id_type(operation).is_some(), &[404]);
    when(place.policy.is_versioned() && place.method != "get", &[409, 412]);
    when(place.is_act(), &[409, 422]);
    implied
}

fn shared(status: u16) -> Option<&'static Shared> {
    SHARED.iter().find(|(of, ..)| *of == status)
}

/// An answer that names the problems of the operation's own, beside what others share.
fn of_its_own(samples: &Samples, path: &str, shared: Option<&Shared>, own: &[Code]) -> Response {
    let told = own.iter().map(|(code, _, meaning)| format!("- `{code}`: {meaning}"));
    let told =
        told.chain(shared.map(|(.., code, description)| format!("- `{code}`: {description}.")));
    let told: Vec<_> = told.collect();
    let (code, status) =
        own.first().map_or(("internal_error", 500), |(code, status, _)| (code, *status));
    problem(samples, &told.join("\n"), status, code, path)
}

/// Puts the shared ones where operations refer to.
pub(super) fn share(components: &mut Components, samples: &Samples) {
    let (_, product) = samples.id_of("ProductId").unwrap_or_default();
    let path = format!("/products/{product}/");
    for (status, name, code, description) in SHARED {
        let response = problem(samples, description, status, code, &path);
        components.responses.insert(name.to_owned(), RefOr::T(response));
    }
}

fn problem(samples: &Samples, description: &str, status: u16, code: &str, path: &str) -> Response {
    let mut content = Content::new(Some(Ref::from_schema_name(ProblemBody::name())));
    content.example = Some(samples.problem(code, path));
    let mut response =
        ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build();
    for name in headers::of_status(&status.to_string()) {
        headers::add(&mut response, name);
    }
    response
}
