//! What the log says of a start: the version, the configuration without secrets, and settings that
//! work but are probably not meant.

use crate::config::{Config, Origin};
use crate::rights::Serving;
use crate::role::Role;

/// Logs the start, once every server is there that it needs, and warns of doubtful settings.
pub fn log(config: &Config, role: Role, serving: &Serving) {
    let (version, configuration) = (env!("CARGO_PKG_VERSION"), summary(config));
    tracing::info!(version, configuration, "starting {}", name(role));
    for variable in config.with_known_passwords() {
        tracing::warn!("{variable} has a password that everybody tries first: set another");
    }
    if let Some(warning) = serving.warning() {
        tracing::warn!("{warning}");
    }
    if config.links_lead_nowhere() {
        tracing::warn!(
            "links in mails start with {}, which leads nowhere from another machine: set PUBLIC_URL",
            config.public_url
        );
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::Everything => "the API and the workers",
        Role::Api => "the API",
        Role::Worker => "the workers",
    }
}

/// The settings that are not defaults, and where the data are.
fn summary(config: &Config) -> String {
    let told = config.settings().iter().filter(|setting| {
        let is_service = matches!(setting.variable, "DATABASE_URL" | "NATS_URL" | "STORAGE_URL");
        setting.origin != Origin::Default || is_service
    });
    told.map(|setting| format!("{}={}", setting.variable, setting.value))
        .collect::<Vec<_>>()
        .join(" ")
}
