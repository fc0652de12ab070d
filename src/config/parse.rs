//! One function per kind of value: text in, value or "must be …" out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use api::{ConnectionLimits, RateLimits};
use domain::Role;
use ipnet::IpNet;
use pool::Pooler;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::variables::Expected;
use super::{LogFormat, Storage};

pub fn path(text: &str) -> Result<PathBuf, Expected> {
    if text.contains(['\0', '\u{fffd}']) {
        return Err("a path in UTF-8".into());
    }
    Ok(PathBuf::from(text))
}

pub fn address(text: &str) -> Result<SocketAddr, Expected> {
    text.parse().map_err(|_| "an IP address and a port such as 127.0.0.1:8000".into())
}

pub fn bytes(text: &str) -> Result<u64, Expected> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number of bytes such as 1073741824".into()),
        Ok(number) => Ok(number),
    }
}

/// A session is over after 14 days in any case.
pub fn session_days(text: &str) -> Result<i32, Expected> {
    match text.parse() {
        Ok(days @ 1..=14) => Ok(days),
        _ => Err("a number of days from 1 to 14".into()),
    }
}

/// Names of a known set with commas between; what is allowed stands in the sentence.
pub fn names<T: Clone, C: FromIterator<T>>(text: &str, known: &[(&str, T)]) -> Result<C, Expected> {
    let find =
        |name| known.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let given = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    given.map(find).collect::<Option<C>>().ok_or_else(|| one_or_more(known))
}

/// One or more of the known names, separated by commas.
pub fn some_names<T: Clone, C: FromIterator<T>>(
    text: &str,
    known: &[(&str, T)],
) -> Result<C, Expected> {
    if text.split(',').all(|name| name.trim().is_empty()) {
        return Err(one_or_more(known));
    }
    names(text, known)
}

fn one_or_more<T>(known: &[(&str, T)]) -> Expected {
    let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    format!("one or more of {}, with commas between", known.join(","))
}

/// None where the text is empty.
pub fn roles(text: &str) -> Result<Vec<Role>, Expected> {
    names(text, &Role::ALL.map(|role| (role.as_str(), role)))
}

/// The crates whose log lines a filter may name without a level.
const TARGETS: [&str; 7] =
    ["vetted", "api", "commands", "domain", "projections", "workers", "security"];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The library takes every word that is no level for the name of a module.
pub fn log_filter(text: &str) -> Result<String, Expected> {
    let is_known = |word: &str| {
        let lower = word.to_ascii_lowercase();
        LEVELS.contains(&lower.as_str()) || TARGETS.contains(&word) || word.contains("::")
    };
    let words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', '[', ']', '{']));
    if words.clone().all(is_known) && EnvFilter::try_new(text).is_ok() {
        return Ok(text.to_owned());
    }
    let (levels, targets) = (LEVELS.join(", "), TARGETS.join(", "));
    Err(format!(
        "a level ({levels}), or name=level for some of {targets} and libraries, with commas between"
    ))
}

pub fn seconds(text: &str) -> Result<Duration, Expected> {
    match text.parse() {
        Ok(seconds @ 1..=1_000_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("a number of seconds from 1 to 1000000".into()),
    }
}

pub fn switch(text: &str) -> Result<bool, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

pub fn log_format(text: &str) -> Result<LogFormat, Expected> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".into()),
    }
}

/// An even number survives no more losses than the odd one below it.
pub fn replicas(text: &str) -> Result<usize, Expected> {
    match text.parse() {
        Ok(replicas @ (1 | 3 | 5)) => Ok(replicas),
        _ => Err("1, 3 or 5".into()),
    }
}

/// It becomes part of names of streams and subjects, which take no other characters.
pub fn subject_prefix(text: &str) -> Result<String, Expected> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("made of letters, digits, _ and - only".into())
    }
}

pub fn mailbox(text: &str) -> Result<String, Expected> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let (local, domain) = address.split_once('@').unwrap_or_default();
    let bad = |part: &str| {
        part.is_empty() || part.contains(|c: char| c.is_whitespace() || "<>@".contains(c))
    };
    if bad(local) || bad(domain) || text.contains(char::is_control) {
        return Err("a sender such as Vetted <no-reply@example.com>".into());
    }
    Ok(text.to_owned())
}

/// An address as [`web_url`] takes it, or nothing.
pub fn optional_web_url(text: &str) -> Result<Option<Url>, Expected> {
    (!text.is_empty()).then(|| web_url(text)).transpose()
}

pub fn web_url(text: &str) -> Result<Url, Expected> {
    let expected = || "an address such as https://vetted.example.com".to_owned();
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| expected())?;
    let web = matches!(url.scheme(), "http" | "https");
    if !web
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
    {
        return Err(expected());
    }
    Ok(url)
}

pub fn origins(text: &str) -> Result<Vec<String>, Expected> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins.map(origin).collect()
}

fn origin(text: &str) -> Result<String, Expected> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let origin = url.map(|url| url.origin().ascii_serialization());
    origin.filter(|origin| origin == text.trim_end_matches('/')).ok_or_else(|| {
        "a list of origins with commas between such as https://app.example.com".into()
    })
}

/// Addresses may stand for networks of one.
pub fn networks(text: &str) -> Result<Vec<IpNet>, Expected> {
    let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty());
    let network = |text: &str| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
            "a list of networks with commas between such as 10.0.0.0/8,192.0.2.1".to_owned()
        })
    };
    networks.map(network).collect()
}

/// Far more than one person needs; operators may lower them.
pub const RATE_LIMITS: &str = "reads=1200000,commands=600000,sign-ins=60000,uploads=6000";

/// Requests a minute by class; those that are left out have their defaults.
pub fn rate_limits(text: &str) -> Result<RateLimits, Expected> {
    if text == "off" {
        return Ok(RateLimits::NONE);
    }
    let wrong = || format!("off, or requests a minute such as {RATE_LIMITS}");
    let mut all = RATE_LIMITS.split(',').chain(text.split(','));
    all.try_fold(RateLimits::NONE, |limits, one| {
        let (class, limit) = one.trim().split_once('=')?;
        let limit = if limit == "off" { None } else { Some(limit.parse().ok()?) };
        limits.with(class, limit)
    })
    .ok_or_else(wrong)
}

/// More than an office behind one address opens.
pub const CONNECTION_LIMITS: &str = "total=10000,address=512";

/// Open connections; what is left out has its default.
pub fn connection_limits(text: &str) -> Result<ConnectionLimits, Expected> {
    let wrong = || format!("numbers of open connections such as {CONNECTION_LIMITS}");
    let mut all = CONNECTION_LIMITS.split(',').chain(text.split(','));
    let none = ConnectionLimits { total: 0, address: 0 };
    all.try_fold(none, |limits, one| {
        let (name, number) = one.trim().split_once('=')?;
        let number = number.parse().ok().filter(|number| (1..=1_000_000).contains(number))?;
        match name {
            "total" => Some(ConnectionLimits { total: number, ..limits }),
            "address" => Some(ConnectionLimits { address: number, ..limits }),
            _ => None,
        }
    })
    .ok_or_else(wrong)
}

pub fn database_url(text: &str) -> Result<(), Expected> {
    scheme(
        text,
        &["postgres", "postgresql"],
        "an address such as postgres://user:password@host:5432/vetted",
    )?;
    parameter(
        text,
        &["sslmode", "ssl-mode"],
        &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    )
}

pub fn pooler(text: &str) -> Result<Pooler, Expected> {
    match text {
        "none" => Ok(Pooler::None),
        "session" => Ok(Pooler::Session),
        "transaction" => Ok(Pooler::Transaction),
        _ => Err("none, session or transaction, the mode of the pooler at DATABASE_URL".into()),
    }
}

/// A parameter of an address whose values are a known set.
fn parameter(text: &str, names: &[&str], known: &[&str]) -> Result<(), Expected> {
    let url = Url::parse(text).map_err(|_| "an address".to_owned())?;
    let mut values = url.query_pairs().filter(|(name, _)| names.contains(&&**name));
    if values.all(|(_, value)| known.contains(&&*value)) {
        return Ok(());
    }
    let name = names.first().copied().unwrap_or_default();
    Err(format!("an address whose {name} is one of {}", known.join(", ")))
}

/// Several servers of one cluster may stand with commas between.
pub fn nats_url(text: &str) -> Result<(), Expected> {
    let example = "an address such as nats://user:password@host:4222";
    text.split(',')
        .try_for_each(|one| scheme(one.trim(), &["nats", "tls", "ws", "wss"], example))?;
    text.split(',').try_for_each(|one| match Url::parse(one.trim()) {
        Ok(url) if url.has_host() => Ok(()),
        _ => Err(example.to_owned()),
    })
}

pub fn smtp_url(text: &str) -> Result<(), Expected> {
    let example = "an address such as smtp://user:password@host:587";
    scheme(text, &["smtp", "smtps"], example)?;
    match Url::parse(text) {
        Ok(url) if url.has_host() => parameter(text, &["tls"], &["required", "opportunistic"]),
        _ => Err(example.to_owned()),
    }
}

pub fn storage(text: &str) -> Result<Storage, Expected> {
    let expected = || "file:///a/folder or s3://bucket/prefix".to_owned();
    let url = Url::parse(text).map_err(|_| expected())?;
    match url.scheme() {
        "file" => url.to_file_path().map(Storage::Folder).map_err(|()| expected()),
        "s3" => {
            let name = url.host_str().filter(|name| !name.is_empty()).ok_or_else(expected)?;
            let prefix = url.path().trim_matches('/').to_owned();
            Ok(Storage::Bucket { name: name.to_owned(), prefix })
        }
        _ => Err(expected()),
    }
}

fn scheme(text: &str, allowed: &[&str], example: &str) -> Result<(), Expected> {
    match Url::parse(text) {
        Ok(url) if allowed.contains(&url.scheme()) => Ok(()),
        _ => Err(example.to_owned()),
    }
}
