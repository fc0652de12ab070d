//! What a body is, by `Content-Type` and `Content-Encoding` (RFC 9110, 8.3 and 8.4): the one place
//! that decides which bodies are read.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use mime::Mime;

use crate::http::problem::Problem;

/// How the media type of most bodies is called in a problem.
pub(crate) const JSON: &str = "application/json";

/// What `Content-Type` says.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<Mime> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    // The library knows neither white space before a semicolon nor empty parameters (5.6.6).
    text.parse().or_else(|_| normalized(text).parse()).ok()
}

/// Whether the body is JSON in UTF-8, without a content coding.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    coding(headers).is_none()
        && media_type(headers).is_some_and(|kind| names_json(&kind) && foreign(&kind).is_none())
}

/// 415 where the body is not JSON in UTF-8; `kinds` names all that the route reads.
pub(crate) fn expect_json(headers: &HeaderMap, kinds: &str) -> Result<(), Problem> {
    expect_uncoded(headers)?;
    let kind = media_type(headers).filter(names_json);
    let kind = kind.ok_or_else(|| Problem::unsupported_media_type(kinds))?;
    match foreign(&kind) {
        None => Ok(()),
        Some(charset) => Err(Problem::unsupported_media_type(&format!(
            "{kinds} in UTF-8, rather than in the charset {charset}"
        ))),
    }
}

/// 415 where the body has a content coding, such as gzip: none is read.
pub(crate) fn expect_uncoded(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(coding) = coding(headers) else { return Ok(()) };
    let detail = format!(
        "The body has the content coding {coding}, which is not read here: send it without \
         Content-Encoding."
    );
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

/// The first content coding that changes the body.
fn coding(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    codings
        .map(|coding| String::from_utf8_lossy(coding.trim_ascii()).to_lowercase())
        .find(|coding| !coding.is_empty() && coding != "identity")
}

fn names_json(kind: &Mime) -> bool {
    let suffix = kind.suffix().map(|suffix| suffix.as_str());
    kind.type_() == mime::APPLICATION && (kind.subtype() == mime::JSON || suffix == Some("json"))
}

/// A charset other than UTF-8, by either of the names that are in use.
fn foreign(kind: &Mime) -> Option<String> {
    let charset = kind.get_param(mime::CHARSET)?.as_str().to_lowercase();
    (!matches!(charset.as_str(), "utf-8" | "utf8")).then_some(charset)
}

/// A media type without white space around semicolons and without empty parameters, quoted strings aside.
fn normalized(text: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|letter: char| {
        is_quoted ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && is_quoted && !is_escaped;
        letter == ';' && !is_quoted
    });
    let parts = parts.map(|part| part.trim_matches([' ', '\t'])).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::try_from(value).unwrap())])
    }

    fn coded(values: &[&'static str]) -> HeaderMap {
        let lines = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
        let mut headers = typed(JSON);
        headers.extend(lines);
        headers
    }

    #[test]
    fn json_is_known_however_its_media_type_is_written() {
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; charset=utf-8",
            "application/json\t;\tcharset=UTF-8",
            "application/json; charset=utf8",
            "application/json;",
            "application/json ; ; charset=utf-8 ;",
            "application/json; charset=\"UTF-8\"",
            "application/json; profile=\"a ; b\" ; charset=utf-8",
            "application/merge-patch+json",
        ] {
            assert!(is_json(&typed(kind)), "{kind}");
        }
        for kind in ["text/json", "application/json; charset=latin1", "json", "application/jsonx"] {
            assert!(!is_json(&typed(kind)), "{kind}");
        }
    }

    #[test]
    fn white_space_within_quotes_stays() {
        let headers = typed("multipart/form-data ; boundary=\"a ; b\" ; charset=utf-8");
        let kind = media_type(&headers).unwrap();
        assert_eq!(kind.get_param(mime::CHARSET).unwrap(), "utf-8");
        assert!(kind.as_ref().contains("\"a ; b\""), "{kind}");
    }

    #[test]
    fn identity_is_no_coding_and_every_other_is_one() {
        for values in [&["identity"][..], &["Identity, identity"], &[""], &[]] {
            assert!(is_json(&coded(values)), "{values:?}");
        }
        for values in [&["gzip"][..], &["identity", "BR"], &["identity, x-gzip"], &["zstd"]] {
            assert!(!is_json(&coded(values)), "{values:?}");
        }
    }

    #[test]
    fn a_problem_says_what_keeps_the_body_from_being_read() {
        let told = |headers: &HeaderMap| {
            let problem = expect_json(headers, JSON).unwrap_err();
            format!("{problem:?}")
        };
        assert!(told(&coded(&["gzip"])).contains("content coding gzip"));
        assert!(told(&typed("application/json; charset=latin1")).contains("charset latin1"));
        assert!(told(&typed("text/plain")).contains("Send the body as application/json."));
    }
}
