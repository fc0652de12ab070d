//! `vetted config`: each setting in force and where it comes from.

use super::Config;
use super::variables::Setting;

/// The settings as aligned lines.
pub fn listing(config: &Config) -> Vec<String> {
    let settings = config.settings();
    let names = settings.iter().map(|setting| setting.variable.len()).max().unwrap_or(0);
    let line = |Setting { variable, value, origin }: &Setting| {
        let value = if value.is_empty() { "(none)" } else { value };
        format!("{variable:names$}  {origin:11}  {value}")
    };
    settings.iter().map(line).collect()
}
