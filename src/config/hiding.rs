//! Addresses without their secrets.

use url::Url;

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
