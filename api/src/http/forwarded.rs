//! Where a request comes from: the other end of the connection, or whom a trusted proxy names there
//! (`Forwarded`, RFC 7239, and `X-Forwarded-For`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::header::FORWARDED;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, as far as it can be trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub IpAddr);

impl Client {
    /// Of a request that has just come in.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Self(client(peer.to_canonical(), headers, proxies))
    }

    /// What shares a limit: an IPv4 address, or the /64 network of an IPv6 address.
    pub(crate) fn network(self) -> IpNet {
        self.within(32, 64)
    }

    /// As much of it as a log may keep: it tells of no person.
    pub(crate) fn region(self) -> IpNet {
        self.within(24, 48)
    }

    fn within(self, v4: u8, v6: u8) -> IpNet {
        let length = if self.0.is_ipv4() { v4 } else { v6 };
        IpNet::new(self.0, length).map_or_else(|_| self.0.into(), |net| net.trunc())
    }
}

fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let listed =
        lines(headers, &X_FORWARDED_FOR).map(|text| furthest(peer, &text, address, proxies));
    let described = lines(headers, &FORWARDED).map(|text| furthest(peer, &text, named, proxies));
    match (listed, described) {
        // A proxy writes one of them and passes on the other, which may say anything.
        (Some(one), Some(other)) if one != other => peer,
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => peer,
    }
}

/// A header's lines, joined as one list (RFC 9110, 5.3).
fn lines(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// From the right, for as long as a trusted proxy speaks and says an address.
fn furthest(
    peer: IpAddr,
    list: &str,
    read: impl Fn(&str) -> Option<IpAddr>,
    proxies: &[IpNet],
) -> IpAddr {
    let mut named = list.rsplit(',');
    let mut client = peer;
    while proxies.iter().any(|proxy| proxy.contains(&client)) {
        let Some(next) = named.next().and_then(&read) else { break };
        client = next.to_canonical();
    }
    client
}

/// An address, perhaps with a port; IPv6 perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    address.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

/// The `for` of one element; obfuscated names and `unknown` are no address.
fn named(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let whom = name.trim().eq_ignore_ascii_case("for");
        whom.then(|| address(value.trim().trim_matches('"')))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.1";

    fn asked_by(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_str(value).unwrap());
        }
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48"].map(|net| net.parse().unwrap());
        client(peer.parse().unwrap(), &map, &proxies).to_string()
    }

    fn x(list: &str) -> String {
        asked_by(PEER, &[("x-forwarded-for", list)])
    }

    fn forwarded(list: &str) -> String {
        asked_by(PEER, &[("forwarded", list)])
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let header = [("x-forwarded-for", "192.0.2.1")];
        assert_eq!(asked_by("203.0.113.9", &header), "203.0.113.9");
        assert_eq!(asked_by(PEER, &header), "192.0.2.1");
        assert_eq!(asked_by(PEER, &[]), PEER);
    }

    #[test]
    fn what_a_client_says_itself_stands_further_left_and_is_not_reached() {
        assert_eq!(x("198.51.100.7, 192.0.2.1"), "192.0.2.1");
        assert_eq!(x("198.51.100.7, 192.0.2.1, 10.1.1.1"), "192.0.2.1");
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(asked_by(PEER, &lines), "192.0.2.1");
        assert_eq!(forwarded("for=198.51.100.7, for=192.0.2.1;proto=https"), "192.0.2.1");
    }

    #[test]
    fn addresses_come_in_all_their_forms() {
        assert_eq!(x("192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(x("[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(x("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(forwarded(r#"proto=https; For="[2001:db8::7]:4711""#), "2001:db8::7");
        assert_eq!(forwarded(r#"for="192.0.2.1:80";by=10.0.0.1"#), "192.0.2.1");
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        for nothing in ["unknown", "", "192.0.2.1, _hidden", "192.0.2.1, 1.2.3"] {
            assert_eq!(x(nothing), PEER, "{nothing}");
        }
        for nothing in ["for=unknown", "for=_a", "by=192.0.2.1", "for", r#"for="a,b""#] {
            assert_eq!(forwarded(nothing), PEER, "{nothing}");
        }
    }

    #[test]
    fn two_headers_that_disagree_are_not_believed() {
        let both = |forwarded| {
            asked_by(PEER, &[("x-forwarded-for", "192.0.2.1"), ("forwarded", forwarded)])
        };
        assert_eq!(both("for=192.0.2.1"), "192.0.2.1");
        assert_eq!(both("for=198.51.100.7"), PEER);
    }

    #[test]
    fn a_log_keeps_no_whole_address() {
        let of = |text: &str| Client(text.parse().unwrap());
        assert_eq!(of("192.0.2.77").region().to_string(), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2::3").region().to_string(), "2001:db8:1::/48");
        assert_eq!(of("2001:db8:1:2::3").network().to_string(), "2001:db8:1:2::/64");
        assert_eq!(of("192.0.2.77").network().to_string(), "192.0.2.77/32");
    }
}
