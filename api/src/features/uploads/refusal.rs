//! What a client of tus is refused.

use commands::uploads::UploadError;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use crate::http::multipart::too_large;
use crate::http::problem::Problem;
use crate::http::tus::OFFSET;

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

pub(super) fn locked() -> Problem {
    let detail = "Another request is at this upload: ask where it stands, and go on from there.";
    Problem::new(StatusCode::LOCKED, "upload_locked", detail)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// 460, which is tus's own.
pub(super) fn mismatch() -> Problem {
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    let detail = "The bytes are not those of Upload-Checksum: none was kept, send them again.";
    Problem::new(status, "checksum_mismatch", detail)
}
