//! Keys of P-256 as JWK (RFC 7517; RFC 7518, 6.2).

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use identity::thumbprint;
use p256::{PublicKey, SecretKey};
use serde_json::{Map, Value, json};

use super::strict;

/// Characters of an `Encryption-Key`.
const LARGEST: usize = 2048;
/// Characters of a `kid`.
const LONGEST_KID: usize = 256;

/// Why a key can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It is not what RFC 7517 calls a JWK.
    #[error("it is not a JWK in JSON, with each member once")]
    Malformed,
    /// It is of another kind.
    #[error("it is not an EC key on P-256 with x and y")]
    Kind,
    /// No such point.
    #[error("its point is not on the curve")]
    OffCurve,
    /// It says that it is for something else.
    #[error("its use or alg is another than enc and ECDH-ES")]
    Purpose,
    /// `d` where none may be.
    #[error("it has its private half with it")]
    Private,
    /// `d` is missing, or is another key's.
    #[error("its private half is missing, or of another key")]
    NotPrivate,
}

/// Somebody's public key, and what its owner calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicJwk {
    pub(super) key: PublicKey,
    pub(super) kid: Option<String>,
}

/// A private key.
pub struct PrivateJwk {
    key: PrivateKey,
    kid: String,
}

impl PublicJwk {
    /// From a header: base64url of the JWK's JSON.
    pub fn from_base64url(text: &str) -> Result<Self, JwkError> {
        if text.len() > LARGEST {
            return Err(JwkError::Malformed);
        }
        let json = BASE64.decode(text).map_err(|_| JwkError::Malformed)?;
        let jwk = strict::parse(&json).map_err(|_| JwkError::Malformed)?;
        Self::from_json(jwk.as_object().ok_or(JwkError::Malformed)?)
    }

    /// Refuses a private key: its sender has disclosed it.
    pub(super) fn from_json(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        if jwk.contains_key("d") {
            return Err(JwkError::Private);
        }
        let key = point(jwk)?;
        purpose(jwk)?;
        Ok(Self { key, kid: kid(jwk)? })
    }
}

impl From<PublicKey> for PublicJwk {
    fn from(key: PublicKey) -> Self {
        Self { key, kid: None }
    }
}

impl PrivateJwk {
    /// The private half has to be that of the public one.
    pub fn from_json(jwk: &Value) -> Result<Self, JwkError> {
        let jwk = jwk.as_object().ok_or(JwkError::Malformed)?;
        let public = point(jwk)?;
        purpose(jwk)?;
        let scalar = octets(jwk, "d").ok_or(JwkError::NotPrivate)?;
        let key = SecretKey::from_slice(&scalar).map_err(|_| JwkError::NotPrivate)?;
        if key.public_key() != public {
            return Err(JwkError::NotPrivate);
        }
        let kid = kid(jwk)?.unwrap_or_else(|| thumbprint(&public));
        let key =
            PrivateKey::from_private_key(&ECDH_P256, &scalar).map_err(|_| JwkError::NotPrivate)?;
        Ok(Self { key, kid })
    }

    /// For [`super::open`].
    pub const fn agreement(&self) -> &PrivateKey {
        &self.key
    }

    /// What it goes by: its `kid`, or its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// An `epk` (RFC 7518, 4.6.1.1) of a public key: 4, x and y (SEC 1, 2.3.3).
pub(super) fn ephemeral(public: &[u8; 65]) -> Value {
    let [x, y] = [&public[1..33], &public[33..]].map(|coordinate| BASE64.encode(coordinate));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

fn point(jwk: &Map<String, Value>) -> Result<PublicKey, JwkError> {
    let is = |name: &str, expected: &str| jwk.get(name).and_then(Value::as_str) == Some(expected);
    if !is("kty", "EC") || !is("crv", "P-256") {
        return Err(JwkError::Kind);
    }
    let (x, y) = octets(jwk, "x").zip(octets(jwk, "y")).ok_or(JwkError::Kind)?;
    // Uncompressed (SEC 1, 2.3.3); what is not on the curve is refused.
    let point = [&[4], &x[..], &y[..]].concat();
    PublicKey::from_sec1_bytes(&point).map_err(|_| JwkError::OffCurve)
}

fn octets(jwk: &Map<String, Value>, name: &str) -> Option<[u8; 32]> {
    BASE64.decode(jwk.get(name)?.as_str()?).ok()?.try_into().ok()
}

fn purpose(jwk: &Map<String, Value>) -> Result<(), JwkError> {
    let fits = |name: &str, expected: &str| jwk.get(name).is_none_or(|value| value == expected);
    (fits("use", "enc") && fits("alg", "ECDH-ES")).then_some(()).ok_or(JwkError::Purpose)
}

fn kid(jwk: &Map<String, Value>) -> Result<Option<String>, JwkError> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Ok(Some(kid.clone())),
        Some(_) => Err(JwkError::Malformed),
    }
}

#[cfg(test)]
mod tests;
