//! Versions as entity tags (RFC 9110, 8.8.3 and 13): `ETag`, `If-Match`, `If-None-Match`. A tag is
//! `"<version>"`, or `"<version>-<digest>"` where the representation also says what other streams
//! or the caller's rights decide. `If-Match` looks at the version, `If-None-Match` at all of it.

use axum::extract::FromRequestParts;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::http::policy::Policy;
use crate::http::problem::Problem;

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
    /// What stands between the quotes.
    Listed(Vec<String>),
}

impl Tags {
    /// Whether one of them is of that version, whatever else the representation said then.
    pub(crate) fn cover(&self, version: i64) -> bool {
        let of = |tag: &str| tag.split_once('-').map_or(tag, |(version, _)| version).parse().ok();
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| of(tag) == Some(version)),
        }
    }

    /// Whether one of them is that tag.
    fn name(&self, wanted: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| tag == wanted),
        }
    }
}

impl IfNoneMatch {
    /// Whether the client has what that tag names.
    pub(crate) fn names(&self, tag: &str) -> bool {
        self.0.as_ref().is_some_and(|tags| tags.name(tag))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let is_told = Policy::of(&parts.extensions).is_versioned();
        debug_assert!(is_told, "the table of contents does not say versioned()");
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
    let mut tags = vec![];
    while !rest.is_empty() {
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if weak || !is_weak {
            tags.push(tag.to_owned());
        }
        let after = after.trim_start();
        rest = if after.is_empty() { "" } else { after.strip_prefix(',')?.trim_start() };
        if rest.is_empty() && !after.is_empty() {
            return None;
        }
    }
    (!text.trim().is_empty()).then_some(Tags::Listed(tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Tags {
        Tags::Listed(tags.iter().map(|tag| (*tag).to_owned()).collect())
    }

    #[test]
    fn a_version_is_found_with_and_without_a_digest() {
        let tags = tags(&["3", "4-0a1b", "abc", "-5"]);
        assert!(tags.cover(3) && tags.cover(4));
        assert!(!tags.cover(5) && !tags.cover(0));
        assert!(tags.name("4-0a1b") && !tags.name("4"));
    }

    #[test]
    fn a_tag_a_list_and_a_star_are_read() {
        assert_eq!(parse(r#""3""#, false), Some(tags(&["3"])));
        assert_eq!(parse(r#" "3" , "4","5" "#, false), Some(tags(&["3", "4", "5"])));
        assert_eq!(parse("*", false), Some(Tags::Any));
    }

    #[test]
    fn a_weak_tag_matches_only_where_the_comparison_is_weak() {
        assert_eq!(parse(r#"W/"3""#, false), Some(tags(&[])));
        assert_eq!(parse(r#"W/"3""#, true), Some(tags(&["3"])));
    }

    #[test]
    fn a_tag_may_hold_a_comma() {
        assert_eq!(parse(r#""abc, def", "2""#, false), Some(tags(&["abc, def", "2"])));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for text in ["3", "", r#""3"#, r#""3" "4""#, r#""3","#, "w/\"3\"", "*, \"3\""] {
            assert_eq!(parse(text, false), None, "{text}");
        }
    }
}
