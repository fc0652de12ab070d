//! Seals what goes out for a client that gave its key.

use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};

use super::jwe::seal;
use super::jwk::PublicJwk;
use crate::http::coding::keep_plain;
use crate::http::media_type::is_json;
use crate::http::problem::{Problem, render};

/// The client's public JWK in base64url.
pub(crate) const ENCRYPTION_KEY: HeaderName = HeaderName::from_static("encryption-key");

/// Whom the answer is for.
#[derive(Clone, Debug)]
pub(crate) enum Recipient {
    /// The client sent no key: the answer goes out in plain.
    Anybody,
    /// The holder of the private key.
    Holder(Box<PublicJwk>),
    /// The client said it in a way that can't be understood: it is told so in clear.
    Unreadable,
}

impl Recipient {
    /// As the request's headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(ENCRYPTION_KEY).iter();
        match (given.next(), given.next()) {
            (None, _) => Self::Anybody,
            (Some(key), None) => key
                .to_str()
                .ok()
                .and_then(|text| PublicJwk::from_base64url(text).ok())
                .map_or(Self::Unreadable, |key| Self::Holder(Box::new(key))),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Recipient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self::Anybody))
    }
}

/// The answer as the recipient wants it. What can't be sealed is not given away: it becomes a 500.
pub(crate) async fn sealed(
    recipient: &Recipient,
    method: &Method,
    instance: &str,
    response: Response,
) -> Response {
    let Recipient::Holder(key) = recipient else { return response };
    if !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => in_data(key, &parts.headers, method, &body),
        Err(error) => Err(Problem::fault(&error)),
    };
    match body {
        Ok(body) => {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.append(VARY, HeaderValue::from_static("encryption-key"));
            keep_plain(Response::from_parts(parts, body)).await
        }
        Err(problem) => render(problem.into_response(), instance),
    }
}

/// `{"data": "<JWE>"}`; what has no body keeps none. `cty` says what kind of JSON it was.
fn in_data(
    key: &PublicJwk,
    headers: &HeaderMap,
    method: &Method,
    plain: &Bytes,
) -> Result<Body, Problem> {
    if plain.is_empty() || *method == Method::HEAD {
        return Ok(Body::empty());
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // Without what every media type starts with (RFC 7516, 4.1.12).
    let kind = kind.strip_prefix("application/").unwrap_or(kind);
    let members = Map::from_iter([("cty".to_owned(), json!(kind))]);
    Ok(Body::from(sealed_data(key, plain, members)?))
}

/// `{"data": "<JWE>"}`, with those members in the protected header.
pub(crate) fn sealed_data(
    key: &PublicJwk,
    plain: &[u8],
    members: Map<String, Value>,
) -> Result<String, Problem> {
    let jwe = seal(plain, key, members).map_err(|error| Problem::fault(&error))?;
    Ok(json!({ "data": jwe }).to_string())
}
