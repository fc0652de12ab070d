//! What a client of tus is answered.

use axum::response::{IntoResponse, Response};
use commands::uploads::Upload;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use time::OffsetDateTime;

use super::protocol::date;
use super::receive::{Ending, Received};
use super::refusal::{locked, mismatch, overrun};
use crate::App;
use crate::http::problem::Problem;
use crate::http::tus::{DEFER, EXPIRES, LENGTH, METADATA, OFFSET};

/// 201: where the upload is, and how many bytes came along.
pub(super) fn made(upload: &Upload, received: Option<&Received>) -> Response {
    let mut headers = HeaderMap::new();
    insert(&mut headers, LOCATION, &format!("/uploads/{}/", upload.id));
    let expires_at = received.and_then(|received| received.expires_at);
    insert_date(&mut headers, expires_at.unwrap_or(upload.expires_at));
    if let Some(received) = received {
        headers.insert(OFFSET, HeaderValue::from(received.progress.received));
    }
    (StatusCode::CREATED, headers).into_response()
}

/// 200: how far it has come.
pub(super) fn standing(upload: &Upload) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(OFFSET, HeaderValue::from(upload.received));
    match upload.length {
        Some(length) => headers.insert(LENGTH, HeaderValue::from(length)),
        None => headers.insert(DEFER, HeaderValue::from(1)),
    };
    if !upload.metadata.is_empty() {
        insert(&mut headers, METADATA, &upload.metadata);
    }
    insert_date(&mut headers, upload.expires_at);
    (StatusCode::OK, headers).into_response()
}

/// 204: how far it has come by now.
pub(super) fn appended(received: &Received) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(OFFSET, HeaderValue::from(received.progress.received));
    if let Some(expires_at) = received.expires_at {
        insert_date(&mut headers, expires_at);
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What is told where a body did not come to its end, or must not count.
pub(super) fn unless_whole(received: &Received, app: &App) -> Result<(), Problem> {
    Err(match received.ending {
        Ending::Whole => return Ok(()),
        Ending::Cut => {
            Problem::bad("bad_request", "The body was cut: ask where the upload stands, and go on.")
        }
        Ending::Stopped if app.shutdown.is_cancelled() => Problem::overloaded(),
        Ending::Stopped => locked(),
        Ending::TooLong => {
            let Received { progress, limit, .. } = received;
            return Err(overrun(*limit, progress.length));
        }
        Ending::Mismatch => mismatch(),
    })
}

fn insert_date(headers: &mut HeaderMap, at: OffsetDateTime) {
    if let Some(date) = date(at) {
        headers.insert(EXPIRES, date);
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
