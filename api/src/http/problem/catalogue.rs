//! The codes that a client may meet, and the page that explains them.

use std::fmt::Write;

use http::StatusCode;

/// A code, its status, and what it means.
pub(crate) type Code = (&'static str, u16, &'static str);

/// Every code, by status. `docs/problems.md` says the same.
const CODES: &[Code] = &[
    ("bad_request", 400, "The request is not valid HTTP."),
    (
        "encryption_required",
        400,
        "REQUIRE_PAYLOAD_ENCRYPTION is true, and the JSON body is not encrypted.",
    ),
    (
        "invalid_activation_link",
        400,
        "The link is wrong, of another account, or older than 3 days.",
    ),
    (
        "invalid_encrypted_payload",
        400,
        "The encrypted body was made for another key or request, is too old, was sent before, or was changed.",
    ),
    ("invalid_encryption_key", 400, "Encryption-Key is not base64url of a public JWK on P-256."),
    ("invalid_header", 400, "A header is malformed."),
    ("invalid_idempotency_key", 400, "Idempotency-Key is not 1 to 255 printable ASCII characters."),
    ("invalid_input", 400, "Fields or query parameters are invalid; `errors` names each."),
    ("invalid_reset_link", 400, "The link is wrong, was used, or has expired."),
    ("invalid_undo_link", 400, "The link is wrong, was used, or has expired."),
    ("malformed_json", 400, "The body is not JSON (RFC 8259)."),
    ("malformed_multipart", 400, "The body is not multipart/form-data (RFC 7578), or was cut."),
    ("mixed_currencies", 400, "The priced products of one order must share one currency."),
    ("read_only", 400, "Read-only members were changed; `errors` names each."),
    ("too_many_parts", 400, "The form has more than 20 parts."),
    (
        "unfilled_placeholder",
        400,
        "The reason still has a `{placeholder}` of a template; `detail` says which.",
    ),
    (
        "invalid_challenge",
        401,
        "The challenge is wrong or older than 5 minutes, or access has ended.",
    ),
    ("invalid_credentials", 401, "The e-mail address or the password is wrong."),
    (
        "invalid_second_factor",
        401,
        "The code is wrong, too old, or was used before; a recovery code is good once.",
    ),
    ("invalid_token", 401, "The token is invalid, has expired, or was revoked."),
    ("not_authenticated", 401, "The endpoint needs a bearer token."),
    (
        "second_factor_required",
        401,
        "The password is right; `challenge` and a code go to POST /login/second-factor/.",
    ),
    ("token_reused", 401, "The refresh token was used before; its session has ended."),
    ("account_deactivated", 403, "An ADMIN has deactivated the account."),
    ("account_not_activated", 403, "The link in the activation mail has not been opened yet."),
    (
        "invalid_media_link",
        403,
        "The signed link is wrong or has expired; its product, or /me/, has a new one.",
    ),
    ("own_account", 403, "The caller cannot change their own role or deactivate themselves."),
    ("own_product", 403, "The caller cannot review their own product."),
    (
        "password_change_required",
        403,
        "The account has to change its password before it does anything else.",
    ),
    ("permission_denied", 403, "The caller's role does not allow it."),
    (
        "reauthentication_required",
        403,
        "The caller has to prove who they are by POST /me/reauthenticate/, at most 5 minutes before.",
    ),
    ("role_changed", 403, "The Idempotency-Key was first used with another role; send a new one."),
    ("role_not_self_assignable", 403, "Registration creates END_USERs only."),
    (
        "second_factor_enrolment_required",
        403,
        "The caller's role has to set up a second factor before it does anything else.",
    ),
    ("not_found", 404, "It does not exist, or the caller has no access to it."),
    (
        "method_not_allowed",
        405,
        "The path does not support the method; `Allow` names those that it supports.",
    ),
    ("request_timeout", 408, "The body did not arrive in time."),
    ("already_decided", 409, "The product already has this decision."),
    (
        "category_name_taken",
        409,
        "Another category has that name; upper and lower case count as the same.",
    ),
    ("category_not_empty", 409, "The category still has products."),
    ("conflict", 409, "Other requests kept changing the resource; trying again is safe."),
    ("email_taken", 409, "The address now belongs to another account."),
    (
        "idempotency_in_progress",
        409,
        "The first request with this Idempotency-Key is still running.",
    ),
    ("last_admin", 409, "The last active ADMIN cannot be removed."),
    ("offset_mismatch", 409, "Upload-Offset is not the number of bytes received."),
    ("not_resubmittable", 409, "The product is approved; editing it puts it back to review."),
    ("not_reviewable", 409, "Its owner has withdrawn the product."),
    ("order_closed", 409, "The order was completed or cancelled."),
    ("policy_code_taken", 409, "Another policy has that code."),
    ("policy_in_use", 409, "A decision or another policy has named the policy; it can be retired."),
    ("second_factor_enabled", 409, "A second factor is already enabled; disable it first."),
    ("second_factor_not_enabled", 409, "No second factor is enabled."),
    ("too_many_uploads", 409, "The caller has too many unused uploads."),
    ("upload_in_use", 409, "The upload is a product's video."),
    ("video_not_ready", 409, "The product's video is still being processed, or could not be."),
    ("upload_expired", 410, "The upload expired before it was finished and used."),
    ("unsupported_tus_version", 412, "Tus-Resumable is missing, or not 1.0.0."),
    ("version_mismatch", 412, "The resource is not at a version that If-Match names."),
    ("body_too_large", 413, "The body exceeds the endpoint's limit."),
    ("upload_overrun", 413, "More bytes were sent than Upload-Length announced."),
    ("video_too_large", 413, "The video is larger than MAX_VIDEO_BYTES."),
    ("uri_too_long", 414, "The request URI is too long."),
    ("unsupported_media_type", 415, "The body is of a kind that the route does not read."),
    ("range_not_satisfiable", 416, "The range lies outside of the file."),
    ("idempotency_key_reused", 422, "The Idempotency-Key was used before, with another body."),
    ("upload_locked", 423, "Another request is writing to the upload."),
    ("too_many_attempts", 429, "Too many failed attempts; `Retry-After` says when to try again."),
    ("too_many_requests", 429, "Too many requests; `Retry-After` says when to try again."),
    ("too_many_streams", 429, "The caller has too many live streams open; close one first."),
    ("headers_too_large", 431, "The header fields exceed the server's limit."),
    ("checksum_mismatch", 460, "The bytes do not match Upload-Checksum; none were stored."),
    ("internal_error", 500, "The server failed; its log has the request under its X-Request-Id."),
    (
        "not_ready",
        503,
        "A part that the server needs is down, and `Retry-After` says when to try again; /readyz names it.",
    ),
    ("overloaded", 503, "The server is overloaded; `Retry-After` says when to try again."),
];

/// What is catalogued under a code.
pub(crate) fn catalogued(code: &str) -> Option<Code> {
    CODES.iter().find(|(known, ..)| *known == code).copied()
}

/// Every code.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(code, ..)| *code)
}

/// What an answer without a problem of its own becomes.
pub(super) fn generic(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        401 => ("not_authenticated", "Sign in first."),
        403 => ("permission_denied", "You do not have permission to do this."),
        404 => ("not_found", "Not found, or you have no access."),
        405 => ("method_not_allowed", "This path does not support the method: see Allow."),
        408 => ("request_timeout", "The request took too long to arrive: send it again."),
        413 => ("body_too_large", "The body exceeds this endpoint's limit."),
        414 => ("uri_too_long", "The request URI is too long: shorten the query."),
        415 => ("unsupported_media_type", "This route does not read bodies of that kind."),
        416 => ("range_not_satisfiable", "The range lies outside of the file."),
        429 => ("too_many_requests", "Too many requests: try again in a moment."),
        431 => {
            ("headers_too_large", "The header fields are too large: send fewer or shorter ones.")
        }
        503 => ("overloaded", "The server is overloaded: try again in a moment."),
        400..=499 => ("bad_request", "The request cannot be understood."),
        _ => ("internal_error", "The server failed: try again."),
    }
}

/// The page behind every problem's `type`.
pub(crate) fn page() -> String {
    let mut rows = String::new();
    for (code, status, meaning) in CODES {
        let meaning = meaning.replace('`', "");
        let _infallible = write!(
            rows,
            "<tr id=\"{code}\"><td><code>{code}</code></td><td>{status}</td><td>{meaning}</td></tr>"
        );
    }
    format!("<table><tr><th>code</th><th>status</th><th>meaning</th></tr>{rows}</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_explains_every_code_with_its_status() {
        let document = include_str!("../../../../docs/problems.md");
        for (code, status, meaning) in CODES {
            let line = format!("| `{code}` | {status} | {meaning} |");
            assert!(document.contains(&line), "docs/problems.md lacks: {line}");
        }
    }

    #[test]
    fn what_libraries_answer_becomes_a_documented_code() {
        for status in (400..600).filter_map(|status| StatusCode::from_u16(status).ok()) {
            let (code, _) = generic(status);
            assert!(CODES.iter().any(|(known, ..)| *known == code), "{code}");
        }
    }
}
