//! tus 1.0.0 on the wire: its header fields, and what every request to a route that speaks it goes
//! through.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use crate::App;
use crate::http::policy::Policy;
use crate::http::problem::Problem;
use crate::http::tus::{
    DEFER, LENGTH, METADATA, OVERRIDE, RESUMABLE, SHOWN, TUS_CHECKSUM, TUS_EXTENSION, TUS_MAX_SIZE,
    TUS_VERSION,
};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,expiration,termination,checksum",
);
const ALGORITHMS: HeaderValue = HeaderValue::from_static("sha1,sha256");
const LONGEST_METADATA: usize = 4096;
/// RFC 9110, 5.6.7.
const HTTP_DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A request that speaks this version.
pub(crate) struct Tus;

impl<S: Send + Sync> FromRequestParts<S> for Tus {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.headers.get(RESUMABLE).is_some_and(|version| version == VERSION) {
            return Ok(Self);
        }
        let detail = "Send Tus-Resumable: 1.0.0, the one version that is spoken here.";
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, "unsupported_tus_version", detail)
            .with_header(TUS_VERSION, VERSION))
    }
}

/// Around everything, CORS included: says on each answer which version is spoken, takes another
/// method from `X-HTTP-Method-Override`, and adds to OPTIONS what the server can do.
pub(crate) async fn speak(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if !Policy::of(request.extensions()).is_resumable() {
        return next.run(request).await;
    }
    if let Some(method) = request.headers().get(OVERRIDE)
        && let Ok(method) = Method::from_bytes(method.as_bytes())
    {
        *request.method_mut() = method;
    }
    let asks = request.method() == Method::OPTIONS;
    let is_preflight = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if asks && response.status().is_success() {
        offer(app.settings.max_video_bytes, is_preflight, &mut response);
    }
    response.headers_mut().insert(RESUMABLE, VERSION);
    response
}

fn offer(largest: u64, is_preflight: bool, response: &mut Response) {
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(TUS_VERSION, VERSION);
    headers.insert(TUS_EXTENSION, EXTENSIONS);
    headers.insert(TUS_MAX_SIZE, HeaderValue::from(largest));
    headers.insert(TUS_CHECKSUM, ALGORITHMS);
    if !is_preflight && headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        let shown = SHOWN.map(|name| name.to_string()).join(",");
        if let Ok(shown) = HeaderValue::try_from(shown) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        }
    }
}

/// A number of bytes; `None` where the header is missing.
pub(super) fn bytes(headers: &HeaderMap, name: &HeaderName) -> Result<Option<i64>, Problem> {
    let Some(text) = only(headers, name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| unreadable(name, "a number of bytes, in digits alone"))
}

/// The length of an upload that is made; `None` where the client says that it will say so later.
pub(super) fn declared(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    match (bytes(headers, &LENGTH)?, only(headers, &DEFER)?) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some("1")) => Ok(None),
        (None, Some(_)) => Err(unreadable(&DEFER, "1")),
        (Some(_), Some(_)) | (None, None) => Err(Problem::bad(
            "invalid_header",
            "Send either Upload-Length, or Upload-Defer-Length: 1 to say it later.",
        )),
    }
}

/// `Upload-Metadata`, as it was sent.
pub(super) fn metadata(headers: &HeaderMap) -> Result<&str, Problem> {
    let text = only(headers, &METADATA)?.unwrap_or_default();
    let is_fine = text.len() <= LONGEST_METADATA && (text.is_empty() || is_metadata(text));
    let expected = "at most 4,096 letters: keys, each once, and their values in base64, such as \
        filename ZmlsbS5tcDQ=,filetype dmlkZW8vbXA0";
    if is_fine { Ok(text) } else { Err(unreadable(&METADATA, expected)) }
}

fn is_metadata(text: &str) -> bool {
    let mut keys = vec![];
    text.split(',').all(|pair| {
        let pair = pair.trim_matches(' ');
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let is_new = !key.is_empty() && !keys.contains(&key);
        keys.push(key);
        is_new && key.bytes().all(|byte| byte.is_ascii_graphic()) && BASE64.decode(value).is_ok()
    })
}

/// The text of a header that may come once.
pub(super) fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        (Some(_), _) => Err(unreadable(name, "sent once, in ASCII")),
    }
}

/// 400: a header that is not as it has to be.
pub(super) fn unreadable(name: &HeaderName, expected: &str) -> Problem {
    Problem::bad("invalid_header", format!("The header {name} must be {expected}."))
}

/// When an upload goes.
pub(super) fn date(at: OffsetDateTime) -> Option<HeaderValue> {
    let text = at.to_offset(time::UtcOffset::UTC).format(&HTTP_DATE).ok()?;
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn metadata_are_keys_with_values_in_base64() {
        for good in ["", "filename ZmlsbS5tcDQ=", "a,b Yg==", "is_confidential", "a YQ==, b "] {
            assert_eq!(metadata(&headers(&[(METADATA, good)])).unwrap(), good);
        }
        for bad in [",", "a YQ==,", "a YQ==,a Yg==", "a film!", "a Y", "ä YQ==", "a YQ== YQ=="] {
            let headers = HeaderMap::from_iter([(METADATA, HeaderValue::from_str(bad).unwrap())]);
            assert_eq!(metadata(&headers).unwrap_err().code(), "invalid_header", "{bad}");
        }
    }

    #[test]
    fn a_length_is_said_now_or_later_and_in_digits() {
        assert_eq!(declared(&headers(&[(LENGTH, "12")])), Ok(Some(12)));
        assert_eq!(declared(&headers(&[(DEFER, "1")])), Ok(None));
        for bad in [
            vec![],
            vec![(DEFER, "2")],
            vec![(LENGTH, "12"), (DEFER, "1")],
            vec![(LENGTH, "-1")],
            vec![(LENGTH, "+1")],
            vec![(LENGTH, "")],
            vec![(LENGTH, "1e3")],
            vec![(LENGTH, "99999999999999999999")],
            vec![(LENGTH, "1"), (LENGTH, "1")],
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &bad {
                map.append(name, HeaderValue::from_static(value));
            }
            assert!(declared(&map).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_written_as_http_does() {
        let at = OffsetDateTime::from_unix_timestamp(784_111_777).unwrap();
        assert_eq!(date(at).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
