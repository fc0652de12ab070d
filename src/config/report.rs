//! `vetted config`: what is in force, and why.

use std::io::{self, Write};

use serde::Serialize;
use url::Url;

use super::{Config, Origin};

/// One variable with the value in force; secrets are hidden already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The variable's name.
    pub variable: &'static str,
    /// The value, or in brackets what happens without one.
    pub value: String,
    /// Who said so.
    pub origin: Origin,
}

/// Prints the settings as an aligned list, or as JSON for programs.
pub fn print(config: &Config, json: bool, out: &mut impl Write) -> io::Result<()> {
    let mut settings = config.settings().to_vec();
    settings.sort_by_key(|setting| setting.variable);
    if json {
        serde_json::to_writer_pretty(&mut *out, &settings)?;
        return writeln!(out);
    }
    let names = settings.iter().map(|setting| setting.variable.len()).max().unwrap_or(0);
    for Setting { variable, value, origin } in settings {
        let value = if value.is_empty() { "(none)" } else { &value };
        writeln!(out, "{variable:names$}  {origin:11}  {value}")?;
    }
    Ok(())
}

const HIDDEN: &str = "***";

/// Hides passwords, NATS tokens and secret parameters of one address, or of several.
pub fn hide_secrets(text: &str) -> String {
    text.split(',').map(|one| hide_one(one.trim())).collect::<Vec<_>>().join(",")
}

fn hide_one(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return HIDDEN.to_owned() };
    let token = matches!(url.scheme(), "nats" | "tls" | "ws" | "wss");
    if url.password().is_some() {
        // It can fail only for an address without a host, which then has no password.
        let _ = url.set_password(Some(HIDDEN));
    } else if token && !url.username().is_empty() {
        let _ = url.set_username(HIDDEN);
    }
    hide_parameters(&mut url);
    url.to_string()
}

fn hide_parameters(url: &mut Url) {
    if url.query().is_none() {
        return;
    }
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let secret = |name: &str| {
        ["password", "secret", "token", "key"].iter().any(|w| name.to_lowercase().contains(w))
    };
    let shown = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), if secret(name) { HIDDEN } else { value.as_str() }));
    url.query_pairs_mut().clear().extend_pairs(shown);
}
