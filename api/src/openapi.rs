//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.
//!
//! A route names its summary, description, parameters, bodies and, as the extension `x-problems`,
//! the problems of its own. Everything else is added here: `place.rs` says what a method and a policy
//! imply, `parameters.rs` adds the headers that requests take, `answers.rs` and `headers.rs` what
//! answers have in common, `problems.rs` errors, `texts.rs` who may call an operation and what can go
//! wrong, `schemas.rs` completes schemas, and `examples.rs` gives an example of each.

mod answers;
mod examples;
mod headers;
mod parameters;
mod place;
mod problems;
mod samples;
mod schemas;
mod texts;

use projections::Ordering;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{Components, OpenApi, RefOr};

use crate::features::feature::Feature;
use crate::features::media_links::SIGNATURE;
use crate::http::policy::Policy;
use crate::http::problem::ProblemBody;
use place::{Place, operations};
use samples::Samples;

const BEARER: &str = "bearer";
/// The extension by which a route names the problems of its own; the document doesn't have it.
const PROBLEMS: &str = "x-problems";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vetted",
        description = "A marketplace backend that keeps a provable history of every listing.\n\n\
            **To authorize**: `POST /login/`, then send `access` of the answer as \
            `Authorization: Bearer …` (here: *Authorize*, and paste it). It expires after 5 minutes; \
            `POST /token/refresh/` gives new tokens. Each operation says which roles may call it.\n\n\
            **Errors** are problems (RFC 9457): `code` is stable, `detail` says what to do, and \
            [/docs/problems](/docs/problems) explains each code. Apart from what operations list, \
            any request can be refused as malformed (`bad_request`, `invalid_header`, \
            `malformed_json`, `invalid_idempotency_key`), for an encrypted body \
            (`encryption_required`, `invalid_encrypted_payload`, `invalid_encryption_key`), since the \
            account has to do something else first (`password_change_required`, \
            `second_factor_enrolment_required`), since the caller's role is another one than at the \
            first request with the same key (`role_changed`), for its path or headers \
            (`method_not_allowed`, `uri_too_long`, `headers_too_large`), or while the first request \
            with the same key is running (`idempotency_in_progress`).\n\n\
            **Lists** come in pages: follow `next` and `previous`. An empty query parameter counts as \
            not given.\n\n\
            **Versions**: `ETag` and `If-Match` keep concurrent changes apart; `Idempotency-Key` makes \
            a POST safe to repeat.\n\n\
            **Encryption**: any JSON body may be sent as `{\"data\": \"<JWE>\"}`, encrypted to the \
            key with `use: enc` of `/.well-known/jwks.json`; with the header `Encryption-Key` (the \
            client's public JWK in base64url) JSON answers come in the same form.",
        contact(name = "The operators of this server"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(ProblemBody, Ordering)),
)]
struct Head;

/// The document without its paths.
pub(crate) fn head() -> OpenApi {
    Head::openapi()
}

/// Adds to every operation what its method, its route's policy and its body imply.
pub(crate) fn completed(
    mut openapi: OpenApi,
    policy_of: impl Fn(&str) -> Policy,
    features: &[Feature],
) -> OpenApi {
    let samples = Samples::of(features);
    openapi.tags = Some(features.iter().map(tag).collect());
    for (path, item) in &mut openapi.paths.paths {
        let policy = policy_of(path);
        for (method, operation) in operations(item) {
            let place = Place::new(path, method, policy, &samples);
            let own = own_problems(operation);
            secure(operation);
            parameters::complete(place, operation);
            answers::complete(place, operation);
            problems::complete(place, operation, &own);
            headers::complete(place, operation);
            texts::complete(operation, &own);
        }
    }
    schemas::complete(&mut openapi);
    examples::complete(&mut openapi, &samples);
    let components = openapi.components.get_or_insert_with(Components::new);
    problems::share(components, &samples);
    headers::share(components);
    share_security(components);
    openapi
}

fn tag(feature: &Feature) -> Tag {
    let (name, description) = feature.tag;
    TagBuilder::new().name(name).description(Some(description)).build()
}

/// What needs a permission needs a bearer token, and names the roles that have it.
fn secure(operation: &mut Operation) {
    let forbidden = operation.responses.responses.get_mut("403");
    let roles = match forbidden {
        Some(RefOr::T(forbidden)) => forbidden.extensions.take(),
        Some(RefOr::Ref(_)) | None => None,
    };
    let Some(roles) = roles else {
        operation.security = Some(vec![]);
        return;
    };
    let bearer = || vec![SecurityRequirement::new(BEARER, Vec::<String>::new())];
    operation.security.get_or_insert_with(bearer);
    operation.extensions.get_or_insert_default().merge(roles);
}

/// The codes that the route names; `x-problems` is for this alone.
fn own_problems(operation: &mut Operation) -> Vec<String> {
    let named = operation.extensions.as_mut().and_then(|extensions| extensions.remove(PROBLEMS));
    operation.extensions.take_if(|extensions| extensions.is_empty());
    named.and_then(|named| serde_json::from_value(named).ok()).unwrap_or_default()
}

fn share_security(components: &mut Components) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token: `access` in the answer of `POST /login/`."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let signature = ApiKeyValue::with_description(
        SIGNATURE,
        "The signature of a signed link (`video_url`, `poster_url`, `thumbnails_url`, `live_url`), \
         which stands for the header Authorization. Use the links unchanged.",
    );
    components.add_security_scheme(SIGNATURE, SecurityScheme::ApiKey(ApiKey::Query(signature)));
}
