//! `REQUIRE_SERVICE_TLS`: nothing goes to another machine but by TLS with a checked certificate.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{ConfigError, Storage};

/// A variable that names a service, what its addresses have to be, and whether one is.
type Rule = (&'static str, &'static str, fn(&Url) -> bool);

const DATABASE: Rule =
    ("DATABASE_URL", "end with ?sslmode=verify-full", |url| has(url, "sslmode", "verify-full"));
const DIRECT: Rule = ("DATABASE_DIRECT_URL", DATABASE.1, DATABASE.2);
const MIGRATION: Rule = ("MIGRATION_DATABASE_URL", DATABASE.1, DATABASE.2);
const NATS: Rule = ("NATS_URL", "start with tls://", |url| matches!(url.scheme(), "tls" | "wss"));
const SMTP: Rule = ("SMTP_URL", "start with smtps:// or end with ?tls=required", |url| {
    url.scheme() == "smtps" || has(url, "tls", "required")
});
const BUCKET: Rule = ("AWS_ENDPOINT", "start with https://", |url| url.scheme() == "https");

/// Where the services are.
pub struct Addresses<'a> {
    pub database: Option<&'a SecretString>,
    pub direct: Option<&'a SecretString>,
    pub migration: Option<&'a SecretString>,
    pub nats: Option<&'a SecretString>,
    pub smtp: Option<&'a SecretString>,
    pub storage: &'a Storage,
    pub aws: &'a BTreeMap<String, SecretString>,
}

impl Addresses<'_> {
    /// Refuses services on other machines that TLS does not protect.
    pub fn check(&self) -> Result<(), ConfigError> {
        let endpoint = self.aws.iter().find(|(name, _)| name.starts_with("AWS_ENDPOINT"));
        let is_bucket = matches!(self.storage, Storage::Bucket { .. });
        let bucket = endpoint.filter(|_| is_bucket).map(|(_, url)| url);
        let databases =
            [(DATABASE, self.database), (DIRECT, self.direct), (MIGRATION, self.migration)];
        let others = [(NATS, self.nats), (SMTP, self.smtp), (BUCKET, bucket)];
        databases
            .into_iter()
            .chain(others)
            .filter_map(|(rule, urls)| Some((rule, urls?)))
            .try_for_each(|(rule, urls)| follow(rule, urls))
    }
}

fn follow((variable, form, is_safe): Rule, urls: &SecretString) -> Result<(), ConfigError> {
    if addresses(urls).all(|url| stays_here(&url) || is_safe(&url)) {
        return Ok(());
    }
    let expected =
        format!("an address on this machine, or {form}, where REQUIRE_SERVICE_TLS is true");
    Err(ConfigError::Invalid { variable, expected, given: None })
}

/// The addresses in a variable; several of one cluster stand with commas between.
fn addresses(urls: &SecretString) -> impl Iterator<Item = Url> {
    urls.expose_secret().split(',').filter_map(|url| Url::parse(url.trim()).ok())
}

/// By a Unix socket or the loopback interface.
fn stays_here(url: &Url) -> bool {
    let by_socket = url.query_pairs().any(|(name, value)| name == "host" && value.starts_with('/'));
    by_socket
        || match url.host() {
            None => true,
            // Schemes that browsers do not know have their hosts as they were written.
            Some(Host::Domain(name)) => {
                let name = name.to_ascii_lowercase();
                name == "localhost"
                    || name.starts_with("%2f")
                    || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
        }
}

fn has(url: &Url, name: &str, value: &str) -> bool {
    url.query_pairs().any(|(given, to)| given == name && to == value)
}
