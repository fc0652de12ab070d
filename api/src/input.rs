//! Bodies that are JSON objects.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use deserr::Deserr;
use domain::FieldErrors;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Bytes of a body that is no upload.
pub(crate) const MAX_BODY: usize = 1_000_000;

/// A body, read with every wrong field told at once.
pub(crate) struct Input<T>(pub T);

/// The same for actions: no body at all is an empty object.
pub(crate) struct Optional<T>(pub T);

/// A JSON object, not yet read.
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

impl<T: Deserr<FieldErrors>, S: Send + Sync> FromRequest<S> for Optional<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        let object = if bytes.is_empty() { Map::new() } else { parse(&parts.headers, &bytes)? };
        Ok(Self(read(object)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        let bytes = collect(&parts.headers, body).await?;
        parse(&parts.headers, &bytes).map(Self)
    }
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

fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    expect_json(headers)?;
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(FieldErrors::one("body", "A JSON object is expected.").into()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let detail = format!("The body is not valid JSON, see line {line}, column {column}.");
            Err(Problem::bad("malformed_json", detail))
        }
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(headers) {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type("application/json in UTF-8, not compressed"))
    }
}

/// Whether the body is JSON in UTF-8, not compressed.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let json = media_type(headers).is_some_and(|kind| {
        let suffix = kind.suffix().map(|suffix| suffix.as_str());
        let named = kind.type_() == mime::APPLICATION
            && (kind.subtype() == mime::JSON || suffix == Some("json"));
        let utf8 = kind.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
        named && utf8
    });
    json && is_plain(headers)
}

/// What `Content-Type` says.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<mime::Mime> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

/// Whether the body is not compressed.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding == "identity")
}

/// 204.
pub(crate) fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
