//! Opens what comes in: `{"data": "<JWE>"}` becomes what was encrypted, before anything else
//! looks at it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::jwe::{Closed, JweError, Opened};
use super::peek::{Beginning, beginning};
use super::{Recipient, bound, strict};
use crate::App;
use crate::http::input::{MAX_BODY, collect_up_to, declared_length, without_mark};
use crate::http::media_type::is_json;
use crate::http::name::AskedFor;
use crate::http::problem::Problem;

/// Bytes of an encrypted body: what the largest plain one takes in base64url, and a header.
pub(crate) const LARGEST: usize = MAX_BODY / 3 * 4 + 8192;

/// Around the routes: what they see is plain.
pub(crate) async fn open_request(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Some(Recipient::Unreadable) = request.extensions().get() {
        return Problem::bad(
            "invalid_encryption_key",
            "Send Encryption-Key as base64url of a public JWK: kty EC, crv P-256, x and y.",
        )
        .into_response();
    }
    match opened(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn opened(app: &App, request: Request) -> Result<Request, Problem> {
    // What says that it is too large is refused by its route, before it comes.
    let is_too_large = declared_length(request.headers()).is_some_and(|said| said > LARGEST as u64);
    if is_too_large || !is_json(request.headers()) {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = match beginning(body).await {
        Beginning::Empty => return Ok(Request::from_parts(parts, Body::empty())),
        Beginning::Plain(body) => body,
        Beginning::Sealed(body) => {
            let bytes = collect_up_to(LARGEST, &parts.headers, body).await?;
            match sealed_in(without_mark(&bytes)) {
                Sealed::No => bytes.into(),
                Sealed::Broken => return Err(refused("data is no text, or not the only member")),
                Sealed::Yes(jwe) => return replaced(app, parts, &jwe).await,
            }
        }
    };
    if app.settings.require_payload_encryption {
        return Err(Problem::bad(
            "encryption_required",
            "Encrypt the body: send {\"data\": \"<JWE>\"} to the key of /.well-known/jwks.json.",
        ));
    }
    Ok(Request::from_parts(parts, body))
}

enum Sealed {
    /// It is no JSON: the route says what is wrong.
    No,
    /// It has `data` and other members, or no text there, or several.
    Broken,
    Yes(String),
}

fn sealed_in(bytes: &[u8]) -> Sealed {
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return Sealed::No;
    }
    let Ok(Value::Object(mut body)) = strict::parse(bytes) else { return Sealed::Broken };
    match (body.remove("data"), body.is_empty()) {
        (Some(Value::String(jwe)), true) => Sealed::Yes(jwe),
        _ => Sealed::Broken,
    }
}

/// The request as it would have come without encryption.
async fn replaced(app: &App, mut parts: Parts, jwe: &str) -> Result<Request, Problem> {
    let Opened { header, plaintext } = open_by_name(app, jwe).map_err(refused)?;
    let path = parts.extensions.get::<AskedFor>().map_or(parts.uri.path(), |asked| &asked.0);
    let now = identity::clock::unix_now();
    let jti = bound::check(&header, parts.method.as_str(), path, now).map_err(refused)?;
    if !app.commands.take_payload_nonce(jti).await? {
        return Err(refused("jti was seen before"));
    }
    if plaintext.is_empty() {
        // To encrypt nothing is a mistake; to send nothing is not.
        let detail = "The encrypted body is empty: encrypt a JSON object.";
        return Err(Problem::bad("malformed_json", detail));
    }
    let body = Bytes::from(plaintext);
    describe(&mut parts.headers, body.len());
    Ok(Request::from_parts(parts, body.into()))
}

fn describe(headers: &mut HeaderMap, length: usize) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove(TRANSFER_ENCODING);
}

/// By the key that it names, or else by whichever opens it.
fn open_by_name(app: &App, jwe: &str) -> Result<Opened, JweError> {
    let closed = Closed::parse(jwe)?;
    let kid = closed.kid().map(|kid| kid.as_str().ok_or(JweError::Kid)).transpose()?;
    let mut opened = Err(JweError::Kid);
    for key in app.commands.encryption_keys(kid) {
        opened = closed.open(key.agreement(), key.kid());
        if opened.is_ok() {
            break;
        }
    }
    opened
}

/// What was wrong is told to nobody outside.
fn refused(why: impl std::fmt::Display) -> Problem {
    tracing::debug!("an encrypted payload was refused: {why}");
    Problem::bad(
        "invalid_encrypted_payload",
        "Encrypt the payload again, to the key of /.well-known/jwks.json and for this request.",
    )
}
