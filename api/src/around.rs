//! Around the API: health, metrics, keys, and the document that describes it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::FieldErrors;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::App;
use crate::problem::{Problem, ProblemBody};

/// How the program is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Each part, where they were looked at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    checks: BTreeMap<&'static str, &'static str>,
}

/// Whether the program is alive.
#[utoipa::path(get, path = "/healthz", tag = "around", operation_id = "getHealth",
    responses((status = 200, body = Status)))]
pub(crate) async fn health() -> Json<Status> {
    Json(Status { status: "ok", checks: BTreeMap::new() })
}

/// Whether every part that the program needs is there: database, broker, storage, projections.
#[utoipa::path(get, path = "/readyz", tag = "around", operation_id = "getReadiness",
    responses((status = 200, body = Status),
        (status = 503, description = "A part is down; `errors` names it", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn readiness(State(app): State<App>) -> Result<Json<Status>, Problem> {
    let (mut checks, mut errors) = (BTreeMap::new(), FieldErrors::default());
    for (part, outcome) in app.health.check().await {
        match outcome {
            Ok(()) => {
                checks.insert(part, "ok");
            }
            Err(wrong) => errors.add(part, wrong),
        }
    }
    if errors.is_empty() {
        return Ok(Json(Status { status: "ok", checks }));
    }
    let down: Vec<_> = errors.fields().collect();
    let detail = format!("Not ready, see errors: {}.", down.join(", "));
    Err(not_ready(detail).with_errors(errors))
}

/// Whether every part that the program needs is there, without naming parts.
#[utoipa::path(get, path = "/readyz", tag = "around", operation_id = "getReadiness",
    responses((status = 200, body = Status),
        (status = 503, description = "A part is down", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn readiness_without_details(
    State(app): State<App>,
) -> Result<Json<Status>, Problem> {
    if app.health.check().await.iter().all(|(_, outcome)| outcome.is_ok()) {
        return Ok(Json(Status { status: "ok", checks: BTreeMap::new() }));
    }
    Err(not_ready("The server is not ready: try again in a few seconds."))
}

/// 503 for those who ask whether the program is ready.
fn not_ready(detail: impl Into<Box<str>>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
        .with_header(RETRY_AFTER, http::HeaderValue::from_static("5"))
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "around", operation_id = "getMetrics",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, TEXT)], (app.metrics_render)()).into_response()
}

/// The public keys, as a JWK Set (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "around", operation_id = "getKeys",
    responses((status = 200, body = Value)))]
pub(crate) async fn keys(State(app): State<App>) -> Json<Value> {
    Json(app.commands.jwks())
}
