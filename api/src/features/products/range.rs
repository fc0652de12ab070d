//! What part of a file is asked for (RFC 9110, 13 and 14).

use std::ops::RangeInclusive;

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method};
use utoipa::IntoParams;

/// A part of a file.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct RangeHeader<'a> {
    /// A range of bytes (RFC 9110, 14)
    #[param(rename = "Range", value_type = String, required = false, example = "bytes=0-1023")]
    range: Option<&'a HeaderValue>,
}

impl<'a> RangeHeader<'a> {
    /// `None` where the header is missing, or comes more than once.
    fn of(headers: &'a HeaderMap) -> Self {
        let mut ranges = headers.get_all(RANGE).iter();
        let range = ranges.next().filter(|_| ranges.next().is_none());
        Self { range }
    }
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestedRange {
    Whole,
    Range(RangeInclusive<u64>),
    Unsatisfiable,
}

/// What can't be read is ignored, as are several ranges at once (14.2), and ranges of anything but
/// GET. A range counts only for the very bytes that the client knows: a weak tag, or a date, which
/// no file here has, is never enough (13.1.5).
pub(super) fn asked_for(
    method: &Method,
    headers: &HeaderMap,
    etag: &str,
    size: u64,
) -> RequestedRange {
    let Some(range) = RangeHeader::of(headers).range else { return RequestedRange::Whole };
    let is_old = headers.get_all(IF_RANGE).iter().any(|tag| tag.as_bytes() != etag.as_bytes());
    if *method != Method::GET || is_old {
        return RequestedRange::Whole;
    }
    let Ok(range) = range.to_str().map(str::trim) else { return RequestedRange::Whole };
    let Some((unit, range)) = range.split_once('=') else { return RequestedRange::Whole };
    if !unit.eq_ignore_ascii_case("bytes") {
        return RequestedRange::Whole;
    }
    within(range, size).unwrap_or(RequestedRange::Whole)
}

/// `None` where it is not one range.
fn within(range: &str, size: u64) -> Option<RequestedRange> {
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(size);
        return Some(match suffix {
            0 => RequestedRange::Unsatisfiable,
            suffix => RequestedRange::Range(size - suffix..=size - 1),
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if first > last {
        return None;
    }
    Some(if first < size {
        RequestedRange::Range(first..=last.min(size - 1))
    } else {
        RequestedRange::Unsatisfiable
    })
}

/// Digits; more than fit are as many as there can be.
fn number(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether the client has it already. The comparison is weak (13.1.2).
pub(super) fn has(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const ETAG: &str = "\"abc\"";

    fn headers(given: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn asked(given: &[(HeaderName, &str)]) -> RequestedRange {
        asked_for(&Method::GET, &headers(given), ETAG, 100)
    }

    fn range(range: &str) -> RequestedRange {
        asked(&[(RANGE, range)])
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        assert_eq!(range("bytes=0-0"), RequestedRange::Range(0..=0));
        assert_eq!(range("bytes=0-9"), RequestedRange::Range(0..=9));
        assert_eq!(range("bytes=90-"), RequestedRange::Range(90..=99));
        assert_eq!(range("bytes=99-99"), RequestedRange::Range(99..=99));
        assert_eq!(range("bytes=90-1000"), RequestedRange::Range(90..=99));
        assert_eq!(range("bytes=90-99999999999999999999999"), RequestedRange::Range(90..=99));
        assert_eq!(range("Bytes=1-2"), RequestedRange::Range(1..=2));
    }

    #[test]
    fn a_suffix_is_counted_from_the_end_and_may_be_all() {
        assert_eq!(range("bytes=-5"), RequestedRange::Range(95..=99));
        assert_eq!(range("bytes=-100"), RequestedRange::Range(0..=99));
        assert_eq!(range("bytes=-1000"), RequestedRange::Range(0..=99));
        assert_eq!(range("bytes=-0"), RequestedRange::Unsatisfiable);
    }

    #[test]
    fn a_range_behind_the_end_is_outside() {
        assert_eq!(range("bytes=100-"), RequestedRange::Unsatisfiable);
        assert_eq!(range("bytes=100-200"), RequestedRange::Unsatisfiable);
        assert_eq!(range("bytes=99999999999999999999999-"), RequestedRange::Unsatisfiable);
    }

    #[test]
    fn an_empty_file_has_no_range() {
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let asked = asked_for(&Method::GET, &headers(&[(RANGE, range)]), ETAG, 0);
            assert_eq!(asked, RequestedRange::Unsatisfiable, "{range}");
        }
        assert_eq!(asked_for(&Method::GET, &headers(&[]), ETAG, 0), RequestedRange::Whole);
    }

    #[test]
    fn what_is_no_range_or_several_gives_the_whole() {
        assert_eq!(asked(&[]), RequestedRange::Whole);
        let wrong = [
            "pages=1-2",
            "bytes=0-1, 5-6",
            "bytes=0-1,0-1",
            "bytes=5-1",
            "bytes=",
            "bytes=-",
            "bytes=--1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes 0-1",
            "bytes=\u{e9}",
        ];
        for wrong in wrong {
            assert_eq!(range(wrong), RequestedRange::Whole, "{wrong}");
        }
        assert_eq!(asked(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]), RequestedRange::Whole);
    }

    #[test]
    fn a_range_counts_only_for_the_version_that_the_client_has() {
        let with = |tag| asked(&[(RANGE, "bytes=0-9"), (IF_RANGE, tag)]);
        assert_eq!(with(ETAG), RequestedRange::Range(0..=9));
        let others = ["\"old\"", "W/\"abc\"", "abc", "Wed, 25 Nov 2026 00:00:00 GMT", "\u{e9}", ""];
        for other in others {
            assert_eq!(with(other), RequestedRange::Whole, "{other}");
        }
    }

    #[test]
    fn only_get_has_ranges() {
        let given = headers(&[(RANGE, "bytes=0-9")]);
        assert_eq!(asked_for(&Method::HEAD, &given, ETAG, 100), RequestedRange::Whole);
    }

    #[test]
    fn a_client_has_what_it_names_be_it_weakly_or_as_anything() {
        let had = |tags| has(&headers(&[(IF_NONE_MATCH, tags)]), ETAG);
        assert!(had("*") && had(ETAG) && had("W/\"abc\"") && had("\"old\", \"abc\""));
        assert!(!had("\"old\"") && !had("abc") && !had("W/W/\"abc\"") && !had(""));
    }
}
