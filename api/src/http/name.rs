//! What a request is called: in logs, traces and events, and by the path that the client wrote.

use http::{HeaderMap, HeaderName};

/// What a request goes by in logs, traces and events.
#[derive(Clone, Debug)]
pub(crate) struct RequestName(pub String);

/// The path as the client wrote it.
#[derive(Clone, Debug)]
pub(crate) struct AskedFor(pub String);

/// The name of the header that carries a [`RequestName`].
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST_NAME: usize = 64;

impl RequestName {
    /// The client's, or else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(given_name(headers).unwrap_or_else(|| uuid::Uuid::now_v7().to_string()))
    }
}

/// The client's name for the request. It is recorded with events and outlives the person who sent it, so
/// nothing but a short name is taken over.
fn given_name(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=LONGEST_NAME).contains(&name.len());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (fits && name.bytes().all(is_name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_short_plain_name_is_taken_over() {
        let given = |name: &[u8]| {
            let name = HeaderValue::from_bytes(name).unwrap();
            given_name(&HeaderMap::from_iter([(REQUEST_ID, name)]))
        };
        assert_eq!(given(b"from-the.proxy_7").as_deref(), Some("from-the.proxy_7"));
        assert_eq!(given(&[b'x'; 64]).map(|name| name.len()), Some(64));
        assert_eq!(given(b"ann@example.com"), None);
        assert_eq!(given(b""), None);
        assert_eq!(given(b"two words"), None);
        assert_eq!(given("ö".as_bytes()), None);
        assert_eq!(given(&[b'x'; 65]), None);
    }
}
