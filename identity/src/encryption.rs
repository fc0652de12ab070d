//! The keys that requests are encrypted to: ECDH on P-256 (RFC 7518, 4.6).

use std::sync::Arc;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A key of the server's for encrypted payloads.
#[derive(Clone)]
pub struct EncryptionKey {
    secret: SecretKey,
    /// The secret for `aws-lc`, which agrees on keys five times as fast as `p256`.
    agreement: Arc<PrivateKey>,
    kid: String,
}

impl EncryptionKey {
    /// `None` where the number is none of the curve's.
    pub(crate) fn from_scalar(scalar: &[u8; 32]) -> Option<Self> {
        let secret = SecretKey::from_slice(scalar).ok()?;
        let agreement = Arc::new(PrivateKey::from_private_key(&ECDH_P256, scalar).ok()?);
        let kid = thumbprint(&secret.public_key());
        Some(Self { secret, agreement, kid })
    }

    /// The scalar, as the file has it.
    pub(crate) fn stored(&self) -> String {
        BASE64.encode(self.secret.to_bytes())
    }

    /// The private half, to agree on keys with.
    pub fn agreement(&self) -> &PrivateKey {
        &self.agreement
    }

    /// What it goes by: its thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, as the JWK Set shows it (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let [x, y] = coordinates(&self.secret.public_key());
        json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y,
            "kid": self.kid, "use": "enc", "alg": "ECDH-ES",
        })
    }
}

/// The thumbprint of a key (RFC 7638), base64url.
pub fn thumbprint(key: &PublicKey) -> String {
    let [x, y] = coordinates(key);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64.encode(Sha256::digest(canonical.as_bytes()))
}

/// `x` and `y` of a key (RFC 7518, 6.2.1), base64url of 32 bytes each.
fn coordinates(key: &PublicKey) -> [String; 2] {
    let point = key.to_sec1_point(false);
    [point.x(), point.y()].map(|coordinate| BASE64.encode(coordinate.map_or(&[][..], |at| &at[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_by_its_thumbprint_and_shows_its_public_half_alone() {
        let key = EncryptionKey::from_scalar(&[7; 32]).unwrap();

        let jwk = key.jwk();

        assert_eq!(jwk["kid"], thumbprint(&key.secret.public_key()));
        assert_eq!((&jwk["use"], &jwk["alg"]), (&json!("enc"), &json!("ECDH-ES")));
        assert_eq!(jwk["x"].as_str().map(str::len), Some(43));
        assert_eq!(jwk["y"].as_str().map(str::len), Some(43));
        assert!(jwk.get("d").is_none());
    }
}
