//! Versions as entity tags (RFC 9110, 8.8.3 and 13): `ETag`, `If-Match`, `If-None-Match`.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::problem::Problem;
use crate::resource::Resource;

/// The versions that a command may meet; without the header, any.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub Option<Tags>);

/// The versions that the client has already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IfNoneMatch(pub Option<Tags>);

/// `*`, or a list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    Any,
    /// Those that are versions; others match nothing.
    Versions(Vec<i64>),
}

impl Tags {
    pub(crate) fn cover(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The comparison is strong: a weak tag matches nothing.
        read(&parts.headers, &IF_MATCH, false).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers, &IF_NONE_MATCH, true).map(Self)
    }
}

fn read(headers: &HeaderMap, name: &HeaderName, weak: bool) -> Result<Option<Tags>, Problem> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let text: Option<Vec<_>> = lines.map(|line| line.to_str().ok()).collect();
    let tags = text.and_then(|lines| parse(&lines.join(","), weak));
    tags.map(Some).ok_or_else(|| {
        let detail = format!("{name} must be * or a list of entity tags such as \"3\".");
        Problem::bad("invalid_header", detail)
    })
}

/// `None` where it is not a list of entity tags.
fn parse(text: &str, weak: bool) -> Option<Tags> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut versions = vec![];
    while !rest.is_empty() {
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if (weak || !is_weak)
            && let Ok(version) = tag.parse()
        {
            versions.push(version);
        }
        let after = after.trim_start();
        rest = if after.is_empty() { "" } else { after.strip_prefix(',')?.trim_start() };
        if rest.is_empty() && !after.is_empty() {
            return None;
        }
    }
    (!text.trim().is_empty()).then_some(Tags::Versions(versions))
}

/// An answer that is one resource, with its version as `ETag`.
pub(crate) struct Versioned<T> {
    status: StatusCode,
    location: Option<String>,
    resource: T,
}

impl<T: Resource> Versioned<T> {
    /// 200.
    pub(crate) const fn ok(resource: T) -> Self {
        Self { status: StatusCode::OK, location: None, resource }
    }

    /// 201, with where it is.
    pub(crate) fn created(resource: T) -> Self {
        let location = Some(resource.location());
        Self { status: StatusCode::CREATED, location, resource }
    }

    /// 304 where the client has this very version.
    pub(crate) fn unless(self, had: &IfNoneMatch) -> Response {
        let has = |tags: &Tags| self.resource.is_settled() && tags.cover(self.resource.version());
        if had.0.as_ref().is_some_and(has) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, tag(self.resource.version()))])
                .into_response();
        }
        self.into_response()
    }
}

impl<T: Resource> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let etag = tag(self.resource.version());
        let mut response = (self.status, [(ETAG, etag)], Json(self.resource)).into_response();
        if let Some(location) = self.location.and_then(|path| HeaderValue::try_from(path).ok()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

fn tag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(versions: &[i64]) -> Tags {
        Tags::Versions(versions.to_vec())
    }

    #[test]
    fn a_tag_a_list_and_a_star_are_read() {
        assert_eq!(parse(r#""3""#, false), Some(versions(&[3])));
        assert_eq!(parse(r#" "3" , "4","5" "#, false), Some(versions(&[3, 4, 5])));
        assert_eq!(parse("*", false), Some(Tags::Any));
    }

    #[test]
    fn a_weak_tag_matches_only_where_the_comparison_is_weak() {
        assert_eq!(parse(r#"W/"3""#, false), Some(versions(&[])));
        assert_eq!(parse(r#"W/"3""#, true), Some(versions(&[3])));
    }

    #[test]
    fn a_tag_of_somebody_elses_is_read_and_matches_nothing() {
        assert_eq!(parse(r#""abc, def", "2""#, false), Some(versions(&[2])));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for text in ["3", "", r#""3"#, r#""3" "4""#, r#""3","#, "w/\"3\"", "*, \"3\""] {
            assert_eq!(parse(text, false), None, "{text}");
        }
    }
}
