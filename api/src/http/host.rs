//! Whom a request asks: `Host` (RFC 9112, 3.2) and `:authority` (RFC 9113, 8.3.1). Links in answers
//! follow it only where no public address is configured, and only to names of this very machine.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::{FromRequestParts, Request};
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version};
use url::Url;

use crate::App;
use crate::http::problem::Problem;

/// What absolute links in an answer start with.
pub(crate) struct LinkBase(pub Url);

impl FromRequestParts<App> for LinkBase {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let settings = &app.settings;
        let asked = authority(&parts.uri, &parts.headers).ok().flatten();
        let local = asked.filter(|asked| settings.links_follow_loopback && is_loopback(asked));
        let scheme = settings.public_url.scheme();
        let base = local.and_then(|asked| Url::parse(&format!("{scheme}://{asked}/")).ok());
        Ok(Self(base.unwrap_or_else(|| settings.public_url.clone())))
    }
}

/// 400 for a request that does not say, in one way, whom it asks.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let asked = authority(request.uri(), request.headers())?;
    // A target with an authority of its own does not stand for the header.
    let is_named = match request.version() {
        Version::HTTP_11 => request.headers().contains_key(HOST),
        version => asked.is_some() || version < Version::HTTP_11,
    };
    if is_named {
        return Ok(());
    }
    Err(refused("Send a Host header: HTTP/1.1 and later versions require it."))
}

/// Whom a request asks: the target's authority, or else `Host`.
fn authority(target: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, Problem> {
    let mut lines = headers.get_all(HOST).iter();
    let host = lines.next().map(read).transpose()?;
    if lines.next().is_some() {
        return Err(refused("Send one Host header: this request has several."));
    }
    match target.authority() {
        Some(authority) if !is_host_and_port(authority) => Err(refused(
            "Ask a name or an address, with a port where it has one, in the request's target.",
        )),
        target => Ok(target.cloned().or(host)),
    }
}

fn read(host: &HeaderValue) -> Result<Authority, Problem> {
    let authority = Authority::try_from(host.as_bytes()).ok();
    authority.filter(is_host_and_port).ok_or_else(|| {
        refused("Send a Host header that is a name or an address, with a port where it has one.")
    })
}

/// Whether it is no more than a host and a port.
fn is_host_and_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    let port = port.map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    is_name_or_address(authority.host())
        && port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// Whether it is of the characters of names and addresses. RFC 3986 allows more, which no name has.
fn is_name_or_address(host: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(is_known)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback())
}

fn refused(detail: &str) -> Problem {
    Problem::bad("bad_request", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(value: &'static str) -> Option<Authority> {
        read(&HeaderValue::from_static(value)).ok()
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port() {
        for value in
            ["shop.example", "shop.example:8000", "127.0.0.1", "[::1]:8000", "a_b", "x", "x:"]
        {
            assert!(host(value).is_some(), "{value}");
        }
        for value in
            ["", ":80", "a b/c@d", "a@b", "a/b", "http://a", "a,b", "a:b", "a:65536", "[::1", "a?b"]
        {
            assert!(host(value).is_none(), "{value}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let is_local = |value| host(value).is_some_and(|authority| is_loopback(&authority));
        for value in ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "127.9.8.7", "[::1]:8000"] {
            assert!(is_local(value), "{value}");
        }
        for value in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "10.0.0.1",
        ] {
            assert!(!is_local(value), "{value}");
        }
    }
}
