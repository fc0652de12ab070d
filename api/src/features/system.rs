//! The system itself: health, readiness, metrics and public keys.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::FieldErrors;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::App;
use crate::features::feature::{Example, Feature};
use crate::http::problem::Problem;

/// What there is beside the routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("operations", "Health, metrics, public keys"),
    ids: &[],
    examples,
    refusals: Vec::new,
    shown: None,
};

fn examples() -> Vec<Example> {
    vec![
        Example::of::<Status>(
            json!({ "status": "ok", "checks": { "database": "ok", "broker": "ok" } }),
        ),
        Example::of::<JwkSet>(json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA",
        }] })),
    ]
}

/// The state of the program.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    #[schema(inline)]
    status: Alive,
    /// The state of each part, where parts were checked: `ok`, or a sentence that says what to look at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    checks: BTreeMap<&'static str, String>,
}

/// Always `ok`: other states are problems.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Alive {
    Ok,
}

/// Public keys (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct JwkSet {
    /// The keys that verify access tokens, and the one to encrypt request bodies to.
    keys: Vec<Jwk>,
}

/// A public key: EdDSA on Ed25519, or ECDH-ES on P-256.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
struct Jwk {
    #[schema(inline)]
    kty: KeyType,
    #[schema(inline)]
    crv: Curve,
    /// The coordinate x, in base64url.
    x: String,
    /// The coordinate y, in base64url; of keys with `kty: EC`.
    #[schema(required = false)]
    y: String,
    /// The id of the key: its thumbprint (RFC 7638).
    kid: String,
    #[serde(rename = "use")]
    #[schema(inline)]
    usage: KeyUse,
    #[schema(inline)]
    alg: KeyAlgorithm,
}

/// The family of the key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
enum KeyType {
    #[serde(rename = "OKP")]
    Octet,
    #[serde(rename = "EC")]
    Elliptic,
}

/// Its curve.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
enum Curve {
    Ed25519,
    #[serde(rename = "P-256")]
    P256,
}

/// What the key is for: signatures or encryption.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
enum KeyUse {
    #[serde(rename = "sig")]
    Signing,
    #[serde(rename = "enc")]
    Encryption,
}

/// Its algorithm.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
enum KeyAlgorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
}

/// Tells whether the program is running
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "getHealth",
    responses((status = 200, body = Status)))]
pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: Alive::Ok, checks: BTreeMap::new() })
}

/// Tells whether the program can serve requests
///
/// Checks the database, the broker, the storage and the projections; `errors` names what is down.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "getReadiness",
    responses((status = 200, body = Status)), extensions(("x-problems" = json!(["not_ready"]))))]
pub(crate) async fn readiness(State(app): State<App>) -> Result<Json<Status>, Problem> {
    let (mut checks, mut errors) = (BTreeMap::new(), FieldErrors::default());
    let checked = app.health.check().await;
    for (part, outcome) in checked.parts {
        match outcome {
            Ok(()) => {
                checks.insert(part, "ok".to_owned());
            }
            Err(wrong) => errors.add(part, wrong),
        }
    }
    let remarks = checked.remarks.into_iter();
    checks.extend(
        remarks.map(|(name, remark)| (name, remark.err().unwrap_or_else(|| "ok".to_owned()))),
    );
    if errors.is_empty() {
        return Ok(Json(Status { status: Alive::Ok, checks }));
    }
    let down: Vec<_> = errors.fields().collect();
    let detail = format!("Not ready, see errors: {}.", down.join(", "));
    Err(not_ready(detail).with_errors(errors))
}

/// Tells whether the program can serve requests
///
/// Checks the database, the broker, the storage and the projections.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "getReadiness",
    responses((status = 200, body = Status)), extensions(("x-problems" = json!(["not_ready"]))))]
pub(crate) async fn readiness_without_details(
    State(app): State<App>,
) -> Result<Json<Status>, Problem> {
    if app.health.check().await.parts.iter().all(|(_, outcome)| outcome.is_ok()) {
        return Ok(Json(Status { status: Alive::Ok, checks: BTreeMap::new() }));
    }
    Err(not_ready("The server is not ready: try again in a few seconds."))
}

/// 503 for those who ask whether the program is ready.
fn not_ready(detail: impl Into<Box<str>>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
        .with_header(RETRY_AFTER, http::HeaderValue::from_static("5"))
}

/// Gets metrics in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "getMetrics",
    responses((status = 200, body = String, content_type = "text/plain",
        example = json!("# TYPE live_streams gauge\nlive_streams 0\n"))))]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, TEXT)], (app.metrics_render)()).into_response()
}

/// Gets the public keys as a JWK Set (RFC 7517)
///
/// Keys with `use: sig` verify access tokens; request bodies may be encrypted to the key with
/// `use: enc`.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", operation_id = "getKeys",
    responses((status = 200, body = JwkSet)))]
pub(crate) async fn keys(State(app): State<App>) -> Json<Value> {
    Json(app.commands.jwks())
}
