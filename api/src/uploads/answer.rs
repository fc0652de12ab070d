//! What a client of tus is answered.

use axum::response::{IntoResponse, Response};
use commands::uploads::{Upload, UploadError};
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use time::OffsetDateTime;

use super::protocol::{DEFER, EXPIRES, LENGTH, METADATA, OFFSET, date};
use super::receive::{Ending, Received};
use crate::App;
use crate::multipart::too_large;
use crate::problem::Problem;

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

/// What the commands refuse.
pub(super) fn refusal(error: UploadError) -> Problem {
    match error {
        UploadError::NotFound => Problem::not_found(),
        UploadError::Expired => {
            let detail = "This upload has expired: begin another one.";
            Problem::new(StatusCode::GONE, "upload_expired", detail)
        }
        UploadError::Locked | UploadError::Lost => locked(),
        UploadError::Taken => {
            let detail = "This upload is a product's video: change or delete the product.";
            Problem::new(StatusCode::CONFLICT, "upload_in_use", detail)
        }
        UploadError::TooMany => {
            let detail = "You have too many uploads that no product uses: finish and use them, or \
                delete some.";
            Problem::new(StatusCode::CONFLICT, "too_many_uploads", detail)
        }
        UploadError::Database(error) => Problem::fault(&error),
    }
}

/// 409: the bytes do not follow on those that are there.
pub(super) fn misplaced(received: i64) -> Problem {
    let detail = format!("The upload has {received} bytes: send what follows on them.");
    Problem::new(StatusCode::CONFLICT, "offset_mismatch", detail).with_header(OFFSET, received)
}

/// 400: a length is said once.
pub(super) fn lengthened() -> Problem {
    let detail = "Upload-Length is another than before, or less than what is there already.";
    Problem::bad("invalid_header", detail)
}

/// 413: more bytes than the upload, or any, may have.
pub(super) fn overrun(limit: i64, length: Option<i64>) -> Problem {
    if length.is_none() {
        return too_large(limit.unsigned_abs());
    }
    let detail = format!("The upload has {limit} bytes by its Upload-Length: send no more.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_overrun", detail)
}

fn locked() -> Problem {
    let detail = "Another request is at this upload: ask where it stands, and go on from there.";
    Problem::new(StatusCode::LOCKED, "upload_locked", detail)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// 460, which is tus's own.
fn mismatch() -> Problem {
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    let detail = "The bytes are not those of Upload-Checksum: none was kept, send them again.";
    Problem::new(status, "checksum_mismatch", detail)
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
