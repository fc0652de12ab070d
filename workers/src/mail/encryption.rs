//! Whether TLS is spoken with a mail server, by its address.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Not at all: the way does not leave this machine.
    Plain,
    /// By STARTTLS where the server offers it.
    Opportunistic,
    /// By STARTTLS, or not at all.
    Required,
    /// From the first byte on.
    Wrapped,
}

impl Encryption {
    /// None where the address asks for something else.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let tls = url.query_pairs().find(|(name, _)| name == "tls");
        match (url.scheme(), tls.as_ref().map(|(_, value)| value.as_ref())) {
            ("smtp", None) if is_here(&url.host()?) => Some(Self::Plain),
            ("smtp", None | Some("opportunistic")) => Some(Self::Opportunistic),
            ("smtp", Some("required")) => Some(Self::Required),
            ("smtps", _) => Some(Self::Wrapped),
            _ => None,
        }
    }
}

/// This machine.
fn is_here(host: &Host<&str>) -> bool {
    match host {
        // Outside of the web's own schemes an IPv4 address is a name to the parser.
        Host::Domain(name) => {
            *name == "localhost" || name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Option<Encryption> {
        Encryption::of(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn tls_is_tried_wherever_the_way_leaves_the_machine() {
        use Encryption::{Opportunistic, Plain, Required, Wrapped};
        assert_eq!(of("smtp://mail.example:25"), Some(Opportunistic));
        assert_eq!(of("smtp://localhost:1025"), Some(Plain));
        assert_eq!(of("smtp://127.0.0.1:1025"), Some(Plain));
        assert_eq!(of("smtp://[::1]:1025"), Some(Plain));
        assert_eq!(of("smtp://mail.example?tls=required"), Some(Required));
        assert_eq!(of("smtp://localhost?tls=opportunistic"), Some(Opportunistic));
        assert_eq!(of("smtps://mail.example"), Some(Wrapped));
        assert_eq!(of("smtp://mail.example?tls=perhaps"), None);
        assert_eq!(of("http://mail.example"), None);
    }
}
