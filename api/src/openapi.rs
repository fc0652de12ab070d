//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
    SecurityRequirement,
};
use utoipa::{IntoResponses, OpenApi as _, ToSchema};

use crate::payload::{ENCRYPTION_KEY, EncryptedPayload};
use crate::permission::Permission;
use crate::problem::{PROBLEM_JSON, ProblemBody};

const BEARER: &str = "bearer";
const ROLES: &str = "x-roles";

/// `*`, or a list of entity tags.
const TAGS: &str = r#"^[ \t]*(\*|(W/)?"[^"]*"([ \t]*,[ \t]*(W/)?"[^"]*")*)[ \t]*$"#;
/// Printable ASCII; spaces around a header's value do not count.
const KEY: &str = r"^[ \t]*[!-~]([ -~]{0,253}[!-~])?[ \t]*$";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vetted",
        description = "A marketplace backend that can answer for its listings. \
            Errors are problems (RFC 9457); their codes are explained at /docs/problems. \
            Lists page by the links next and previous; an empty query parameter counts as not given. \
            ETag and If-Match carry versions; Idempotency-Key makes POSTs safe to repeat. \
            Any JSON body may be sent encrypted, as EncryptedPayload, to the key with use enc of \
            /.well-known/jwks.json; with the header Encryption-Key any JSON answer comes encrypted \
            in the same form.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemBody, EncryptedPayload)),
    tags(
        (name = "accounts", description = "Registration, sessions, passwords, people"),
        (name = "categories", description = "The shelves of the catalogue"),
        (name = "products", description = "Listings, from submission to review"),
        (name = "uploads", description = "Resumable uploads of videos: tus 1.0.0, with creation, \
            creation-with-upload, creation-defer-length, expiration, termination, checksum"),
        (name = "orders", description = "Purchases"),
        (name = "around", description = "Health, metrics, documents"),
    ),
)]
struct Head;

/// The document without its paths.
pub(crate) fn head() -> OpenApi {
    Head::openapi()
}

/// In a route's `responses`: it needs somebody signed in with that permission.
pub(crate) struct Needs<P>(std::marker::PhantomData<P>);

impl<P: Permission> IntoResponses for Needs<P> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let names: Vec<_> = P::ROLES.iter().map(|role| role.as_str()).collect();
        let mut forbidden = problem("The caller's role, or this very resource, does not allow it");
        forbidden.extensions = Some(ExtensionsBuilder::new().add(ROLES, json!(names)).build());
        let unauthorized = problem("Nobody is signed in, or the token is no good");
        BTreeMap::from([
            ("401".to_owned(), RefOr::T(unauthorized)),
            ("403".to_owned(), RefOr::T(forbidden)),
        ])
    }
}

/// Adds to every operation what its method, path and body imply.
pub(crate) fn completed(mut openapi: OpenApi) -> OpenApi {
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations(item) {
            secure(operation);
            parameters(path, method, operation);
            problems(path, method, operation);
            describe(method, operation);
        }
    }
    close(&mut openapi);
    let components = openapi.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let key = header(
        ENCRYPTION_KEY.as_str(),
        r"^[A-Za-z0-9_-]+$",
        "The client's public JWK (EC, P-256) in base64url",
    );
    components.parameters.insert("EncryptionKey".to_owned(), RefOr::T(key));
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    openapi
}

/// Bodies of POST have no members but those that are told. PUT and PATCH also take what GET gave.
fn close(openapi: &mut OpenApi) {
    let (mut posted, mut edited) = (BTreeSet::new(), BTreeSet::new());
    for item in openapi.paths.paths.values_mut() {
        for (method, operation) in operations(item) {
            let names = if method == "post" { &mut posted } else { &mut edited };
            names.extend(bodies(operation));
        }
    }
    let Some(components) = &mut openapi.components else { return };
    for name in posted.difference(&edited) {
        if let Some(RefOr::T(Schema::Object(body))) = components.schemas.get_mut(name) {
            body.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// Names of the schemas that an operation takes.
fn bodies(operation: &Operation) -> Vec<String> {
    let Some(RefOr::T(body)) = &operation.request_body else { return vec![] };
    let named = |content: &RefOr<Content>| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
            schema.ref_location.rsplit('/').next().map(str::to_owned)
        }
        RefOr::T(_) | RefOr::Ref(_) => None,
    };
    body.content.values().filter_map(named).collect()
}

/// A description is required (OpenAPI 3.1, 4.8.17); the status says the most. HEAD leaves bodies out.
fn describe(method: &str, operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if method == "head" {
            response.content.clear();
        }
        if response.description.is_empty() {
            let text = match status.as_str() {
                "200" => "As it is now",
                "201" => "It was made",
                "202" => "It will be done",
                "204" => "It was done",
                "304" => "The client has this version",
                _ => "Answered",
            };
            text.clone_into(&mut response.description);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
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

/// What needs a permission needs a bearer token, and says which roles have it.
fn secure(operation: &mut Operation) {
    let Some(RefOr::T(forbidden)) = operation.responses.responses.get_mut("403") else { return };
    let Some(extensions) = forbidden.extensions.take() else { return };
    operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    operation.extensions.get_or_insert_default().merge(extensions);
}

fn parameters(path: &str, method: &str, operation: &mut Operation) {
    if is_act(path, method, operation) {
        add(
            operation,
            header(
                "Idempotency-Key",
                KEY,
                "Makes the request safe to repeat for 24 h: 1 to 255 printable ASCII characters",
            ),
        );
    }
    if has_version(path) {
        match method {
            "get" => add(
                operation,
                header(
                    "If-None-Match",
                    TAGS,
                    "Versions that the client has: 304 where the resource is at one of them",
                ),
            ),
            _ => add(
                operation,
                header(
                    "If-Match",
                    TAGS,
                    "Versions that the command may meet: 412 where the resource is at none of them",
                ),
            ),
        }
    }
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

fn problems(path: &str, method: &str, operation: &mut Operation) {
    let mut also = vec![(500, "The server failed"), (503, "Too much to do, or a part is down")];
    let takes_input = operation.request_body.is_some() || operation.parameters.is_some();
    if takes_input {
        also.push((400, "The request can't be understood, or some of it is invalid"));
    }
    if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
        also.push((429, "The caller asks too often, or has failed too often"));
    }
    if operation.request_body.is_some() {
        also.push((408, "The body did not arrive in time"));
        also.push((413, "The body is too large"));
        also.push((415, "The body is of another kind"));
    }
    if path.contains("{id}") {
        also.push((404, "There is none that the caller may know of"));
    }
    if has_version(path) && method != "get" {
        also.push((409, "The state does not allow it"));
        also.push((412, "It is at another version than If-Match names"));
    }
    if is_act(path, method, operation) {
        also.push((409, "The state does not allow it, or the same request is still running"));
        also.push((422, "The Idempotency-Key came before, with another request"));
    }
    for (status, description) in also {
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
}

/// What answers with a version and takes one.
fn has_version(path: &str) -> bool {
    const UNVERSIONED: [&str; 9] = [
        "/sessions/{id}/",
        "/uploads/{id}/",
        "/video/",
        "/poster/",
        "/sprite/",
        "/thumbnails.vtt",
        "/live/",
        "/history/",
        "/moderation/",
    ];
    let named = path.contains("{id}") || path == "/me/";
    named && !UNVERSIONED.iter().any(|end| path.ends_with(end))
}

/// POSTs that create or act; answers with tokens and other secrets are never stored.
fn is_act(path: &str, method: &str, _: &Operation) -> bool {
    let has_secrets = path.starts_with("/login/") || path.starts_with("/me/second-factor/");
    method == "post"
        && !has_secrets
        && !matches!(path, "/logout/" | "/token/refresh/" | "/me/reauthenticate/")
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name(ProblemBody::name());
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, Content::new(Some(schema)))
        .build()
}
