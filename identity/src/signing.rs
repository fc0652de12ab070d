//! The keys that access tokens are signed with (Ed25519, RFC 8037).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::secrets::{Secrets, SecretsError};

/// What tokens say that they are (RFC 9068).
pub(crate) const TYPE: &str = "at+jwt";

/// One state of the keys that sign and verify.
pub(crate) struct SigningKeys {
    header: Header,
    signing: EncodingKey,
    /// When a newer key is to sign, in Unix seconds.
    until: Option<i64>,
    accepted: HashMap<String, DecodingKey>,
    jwks: Vec<Value>,
}

impl SigningKeys {
    pub(crate) fn try_new(secrets: &Secrets) -> Result<Self, SecretsError> {
        let none = || SecretsError::Key("there is none".to_owned());
        let (first, until) = secrets.signing_key().ok_or_else(none)?;
        let der = first.to_pkcs8_der().map_err(|error| SecretsError::Key(error.to_string()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid(first));
        let accepted = secrets
            .signing
            .iter()
            .map(|key| Ok((kid(key), DecodingKey::from_ed_components(&x(key))?)))
            .collect::<Result<_, Error>>()
            .map_err(|error| SecretsError::Key(error.to_string()))?;
        Ok(Self {
            header,
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            until,
            accepted,
            jwks: secrets.signing.iter().map(jwk).collect(),
        })
    }

    /// The public halves.
    pub(crate) fn jwks(&self) -> &[Value] {
        &self.jwks
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }

    /// The key of that name, if it is accepted.
    pub(crate) fn accepted(&self, kid: &str) -> Option<DecodingKey> {
        self.accepted.get(kid).cloned()
    }

    /// Whether another key should sign by now.
    pub(crate) fn is_outdated(&self) -> bool {
        self.until.is_some_and(|until| until <= clock::unix_now())
    }
}

/// The public key's coordinate (RFC 8037).
fn x(key: &SigningKey) -> String {
    BASE64.encode(key.verifying_key().as_bytes())
}

/// The key's thumbprint (RFC 7638).
fn kid(key: &SigningKey) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, x(key));
    BASE64.encode(Sha256::digest(canonical.as_bytes()))
}

fn jwk(key: &SigningKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x(key), "kid": kid(key), "use": "sig", "alg": "EdDSA" })
}
