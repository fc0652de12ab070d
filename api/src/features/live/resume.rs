//! Where a stream begins.

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;
use projections::Scope;

use crate::App;
use crate::http::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Events that are read again for a client that was away. One product's are found by its stream, those of
/// many only by walking through all that happened meanwhile.
const OF_MANY: i64 = 10_000;

/// `Last-Event-ID`: a position in the log; none where the header is missing or empty.
pub(crate) struct LastEventId(pub Option<i64>);

/// What comes first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The current state.
    Afresh,
    /// What came after this position.
    After(i64),
    /// It can't be told what came since: the client has to read again what it shows. The log is here.
    Lost(i64),
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(LAST_EVENT_ID).iter();
        match (lines.next().map(http::HeaderValue::as_bytes), lines.next()) {
            (None | Some(b""), None) => Ok(Self(None)),
            (Some(id), None) => read(id).map(|id| Self(Some(id))),
            (_, Some(_)) => Err(malformed()),
        }
    }
}

/// Digits alone: ids are given in no other form.
fn read(id: &[u8]) -> Result<i64, Problem> {
    let digits = std::str::from_utf8(id).ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(malformed)
}

fn malformed() -> Problem {
    Problem::bad("invalid_header", "Last-Event-ID must be the id of an event, as it came.")
}

/// Where to begin, for a client that has received `last`; the process has read the log up to `caught_up`.
pub(super) async fn start(
    app: &App,
    last: Option<i64>,
    caught_up: i64,
    scope: &Scope,
) -> Result<Start, Problem> {
    let Some(last) = last else { return Ok(Start::Afresh) };
    if last > caught_up {
        // Another replica may have been quicker; nobody is quicker than the log.
        let mut conn = app.pool.acquire().await.map_err(projections::ReadError::from)?;
        let head = log::head(&mut conn).await.map_err(projections::ReadError::from)?;
        return Ok(if last > head { Start::Lost(head) } else { Start::After(last) });
    }
    Ok(match scope {
        Scope::OwnedBy(_) | Scope::All if caught_up - last > OF_MANY => Start::Lost(caught_up),
        Scope::One(_) | Scope::OwnedBy(_) | Scope::All => Start::After(last),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_and_nothing_else() {
        assert_eq!(read(b"0").ok(), Some(0));
        assert_eq!(read(b"9223372036854775807").ok(), Some(i64::MAX));
        for wrong in [&b"-1"[..], b"+1", b"1.0", b"1 ", b"seven", b"9223372036854775808", b"\xff"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
