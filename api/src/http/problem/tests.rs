use axum::body::to_bytes;
use commands::{CommandError, Reservation};
use domain::{Refusal, RefusalKind};
use serde_json::Value;

use super::*;

async fn rendered(answer: impl IntoResponse) -> (StatusCode, http::HeaderMap, Value) {
    let (parts, body) = render(answer.into_response(), "/products/7/").into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn a_refusal_keeps_its_code_its_sentence_and_its_fields() {
    let kind = RefusalKind::Invalid(FieldErrors::one("name", "Too long."));
    let refusal = Refusal { kind, code: "invalid_input", detail: "See errors.".to_owned() };

    let (status, headers, body) = rendered(Problem::from(CommandError::Refused(refusal))).await;

    assert_eq!(status, 400);
    assert_eq!(headers[CONTENT_TYPE], PROBLEM_JSON);
    assert_eq!(
        body,
        serde_json::json!({
            "type": "/docs/problems#invalid_input", "title": "Invalid input", "status": 400,
            "detail": "See errors.", "instance": "/products/7/", "code": "invalid_input",
            "errors": {"name": ["Too long."]},
        })
    );
}

fn object_store_is_down() -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: "of a secret kind".into() }
}

#[tokio::test]
async fn each_command_error_has_its_status() {
    let refused = |kind| {
        let (code, detail) = ("a_code", String::new());
        CommandError::Refused(Refusal { kind, code, detail })
    };
    let minute = std::time::Duration::from_mins(1);
    for (error, expected) in [
        (refused(RefusalKind::NotFound), 404),
        (refused(RefusalKind::Forbidden), 403),
        (refused(RefusalKind::Conflict), 409),
        (CommandError::VersionMismatch { current: 4 }, 412),
        (CommandError::Taken(Reservation::CategoryName), 409),
        (CommandError::Conflict, 409),
        (CommandError::Busy, 503),
        (CommandError::Unavailable("of a secret kind".to_owned()), 503),
        (CommandError::Fault(Box::new(object_store_is_down())), 503),
        (CommandError::TooManyAttempts { retry_after: minute }, 429),
        (CommandError::Unauthorized { code: "token_reused", detail: "" }, 401),
        (CommandError::Forbidden { code: "account_not_activated", detail: "" }, 403),
        (CommandError::Fault("of a secret kind".into()), 500),
    ] {
        let (status, headers, body) = rendered(Problem::from(error)).await;
        assert_eq!(status, expected);
        assert!(!body.to_string().contains("secret"));
        assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401);
        assert_eq!(headers.contains_key(RETRY_AFTER), status == 503 || status == 429);
    }
}

#[tokio::test]
async fn what_a_library_answers_becomes_a_problem_and_keeps_its_headers() {
    let answer = (StatusCode::METHOD_NOT_ALLOWED, [(http::header::ALLOW, "GET")], "nope");

    let (status, headers, body) = rendered(answer).await;

    assert_eq!(status, 405);
    assert_eq!(headers[http::header::ALLOW], "GET");
    assert_eq!(body["code"], "method_not_allowed");
}

#[tokio::test]
async fn what_is_no_error_stays_as_it_is() {
    let (status, headers, _) = rendered("fine").await;

    assert_eq!(status, 200);
    assert_ne!(headers[CONTENT_TYPE], PROBLEM_JSON);
}
