//! Bodies that are JSON objects.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use deserr::Deserr;
use domain::FieldErrors;
use domain::user::{ChangePassword, ConfirmPasswordReset, Password, Register};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::media_type::{JSON, expect_json};
use crate::http::problem::Problem;

/// Bytes of a body that is no upload.
pub(crate) const MAX_BODY: usize = 1_000_000;

/// Before a text that is known to be UTF-8 it says nothing (RFC 8259, 8.1).
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body, read with every wrong field told at once. No body at all is `{}`, so that what a route
/// requires is told by name.
pub(crate) struct Input<T>(pub T);

/// A JSON object, not yet read; `{}` where there is no body.
pub(crate) struct Object(pub Map<String, Value>);

/// The body of an action without parameters: nothing, or `{}`.
#[derive(Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<T: Deserr<FieldErrors>, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Object(object) = Object::from_request(request, state).await?;
        Ok(Self(read(object)?))
    }
}

/// A body that sets a password: a weak one is told beside whatever else is wrong.
pub(crate) struct WithPassword<T>(pub T);

/// Names the password that a body sets.
pub(crate) trait SetsPassword: Deserr<FieldErrors> {
    /// Its member.
    const FIELD: &'static str;
}

impl SetsPassword for Register {
    const FIELD: &'static str = "password";
}

impl SetsPassword for ConfirmPasswordReset {
    const FIELD: &'static str = "password";
}

impl SetsPassword for ChangePassword {
    const FIELD: &'static str = "new_password";
}

impl<T: SetsPassword, S: Send + Sync> FromRequest<S> for WithPassword<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Object(object) = Object::from_request(request, state).await?;
        let weakness = weakness(&object, T::FIELD);
        match read(object) {
            Ok(body) => Ok(Self(body)),
            Err(errors) => Err(Problem::invalid(errors).with_more(weakness)),
        }
    }
}

/// A weak password in a body whose other members may be wrong.
fn weakness(body: &Map<String, Value>, field: &str) -> FieldErrors {
    let password = body.get(field).cloned().map(domain::read::<Password>);
    let Some(Ok(password)) = password else { return FieldErrors::default() };
    let email = body.get("email").and_then(Value::as_str).unwrap_or_default();
    let weakness = identity::passwords::weakness(&password, email);
    weakness.map_or_else(FieldErrors::default, |weakness| FieldErrors::one(field, weakness))
}

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        object(request, JSON).await.map(Self)
    }
}

/// The object that a body is; `kinds` names all that the route reads.
pub(crate) async fn object(request: Request, kinds: &str) -> Result<Map<String, Value>, Problem> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(Map::new());
    }
    expect_json(&parts.headers, kinds)?;
    parse(&collect(&parts.headers, body).await?)
}

/// Reads an object with every wrong field told at once.
pub(crate) fn read<T: Deserr<FieldErrors>>(object: Map<String, Value>) -> Result<T, FieldErrors> {
    domain::read(Value::Object(object))
}

/// A body of no more than [`MAX_BODY`] bytes.
pub(crate) async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    collect_up_to(MAX_BODY, headers, body).await
}

/// A body of no more bytes than that.
pub(crate) async fn collect_up_to(
    limit: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(Problem::too_large(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Err(_) => Err(Problem::bad("bad_request", "The body was cut: send it again.")),
    }
}

/// What `Content-Length` says.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The text of a body, without a mark that it may begin with.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let text = without_mark(bytes);
    if text.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(FieldErrors::one("body", "A JSON object is expected.").into()),
        Err(error) => Err(malformed(&error)),
    }
}

/// What can't be read, and where. Two kinds are JSON, but more than is read (RFC 8259, 9).
fn malformed(error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let what = if message.starts_with("recursion limit exceeded") {
        "is nested more than 127 levels deep"
    } else if message.starts_with("number out of range") {
        "has a number that is out of range"
    } else {
        "is not valid JSON"
    };
    let (line, column) = (error.line(), error.column());
    Problem::bad("malformed_json", format!("The body {what}, see line {line}, column {column}."))
}

/// 204.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
