//! What every refusal looks like (RFC 9457), whatever it refuses.

use crate::support::Answer;

/// Asserts that an answer is a problem of that status and code, in full.
#[track_caller]
pub fn refused(answer: Answer, status: u16, code: &str) -> Answer {
    assert_problem(&answer);
    let found = (answer.status, answer.code());
    assert_eq!(found, (status, code), "{}", answer.json);
    answer
}

/// Asserts that an answer is a problem, with all of its members and no other.
#[track_caller]
pub fn assert_problem(answer: &Answer) {
    let body = String::from_utf8_lossy(&answer.bytes);
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    assert_eq!(kind, Some("application/problem+json"), "{} {body}", answer.status);
    let text = |member: &str| answer.json[member].as_str().unwrap_or_default();
    assert_eq!(answer.json["status"], answer.status, "{body}");
    assert_eq!(text("type"), format!("/docs/problems#{}", text("code")), "{body}");
    assert!(text("instance").starts_with('/'), "{body}");
    assert!(!text("title").is_empty() && text("detail").ends_with('.'), "{body}");
    let members = answer.json.as_object().into_iter().flat_map(|members| members.keys());
    for member in members {
        let known = ["type", "title", "status", "detail", "instance", "code", "errors"];
        assert!(known.contains(&member.as_str()), "{member} in {body}");
    }
}
