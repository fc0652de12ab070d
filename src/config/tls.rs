//! The files of the certificate, where the program ends TLS by itself.

use std::path::PathBuf;

use super::variables::Reader;
use super::{ConfigError, parse};

const CERTIFICATE: &str = "TLS_CERT_FILE";
const KEY: &str = "TLS_KEY_FILE";

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// `TLS_CERT_FILE` and `TLS_KEY_FILE`: both or none.
pub fn files(reader: &mut Reader) -> Result<Option<TlsFiles>, ConfigError> {
    match (reader.value(CERTIFICATE, "", parse::path)?, reader.value(KEY, "", parse::path)?) {
        (certificate, key) if certificate.as_os_str().is_empty() && key.as_os_str().is_empty() => {
            Ok(None)
        }
        (_, key) if key.as_os_str().is_empty() => Err(missing(KEY, CERTIFICATE)),
        (certificate, _) if certificate.as_os_str().is_empty() => Err(missing(CERTIFICATE, KEY)),
        (certificate, key) => Ok(Some(TlsFiles { certificate, key })),
    }
}

fn missing(variable: &'static str, other: &str) -> ConfigError {
    let expected = format!("set where {other} is: TLS needs both");
    ConfigError::Invalid { variable, expected, given: None }
}

/// What addresses of the API start with.
pub const fn scheme(tls: Option<&TlsFiles>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}
