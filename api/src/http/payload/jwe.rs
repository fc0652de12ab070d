//! JWE in compact form (RFC 7516): `ECDH-ES` on P-256, `A256GCM`, and nothing else.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use aws_lc_rs::agreement::PrivateKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::PublicKey;
use rand::Rng;
use serde_json::{Map, Value, json};

use super::derive::{A256GCM, Ephemeral, content_key};
use super::jwk::{PublicJwk, ephemeral};
use super::strict;

const ECDH_ES: &str = "ECDH-ES";
/// Characters of a protected header.
const LARGEST_HEADER: usize = 4096;
/// Bytes of the tag (RFC 7518, 5.3).
const TAG: usize = 16;

/// What was in a JWE.
#[derive(PartialEq)]
pub struct Opened {
    /// The protected header.
    pub header: Map<String, Value>,
    /// What was encrypted.
    pub plaintext: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    /// What was encrypted must not show in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Why a JWE was not opened, or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not five parts, the second of them empty.
    #[error("it is not the compact form: five parts between dots, with no encrypted key")]
    Form,
    /// A part that is not base64url.
    #[error("a part is not base64url without padding")]
    Base64,
    /// The header is longer than anybody needs.
    #[error("the protected header is larger than {LARGEST_HEADER} characters")]
    HeaderTooLarge,
    /// The header is not a JSON object, or has a member twice.
    #[error("the protected header is not a JSON object with each member once")]
    Header,
    /// Another `alg` or `enc`.
    #[error("alg has to be {ECDH_ES} and enc {A256GCM}")]
    Algorithm,
    /// `zip`.
    #[error("compressed content is not taken")]
    Zip,
    /// `crit`.
    #[error("critical extensions are not taken")]
    Crit,
    /// Another key's.
    #[error("kid is not that of the key")]
    Kid,
    /// No point of P-256.
    #[error("epk is not a public key on P-256")]
    Epk,
    /// Party information that can't be read.
    #[error("apu or apv is not base64url without padding")]
    Party,
    /// IV or tag of another size than A256GCM has.
    #[error("the initialization vector has to have 12 bytes and the tag 16")]
    Size,
    /// The key is another, or something was changed.
    #[error("it cannot be decrypted: the key is another, or something was changed")]
    Decryption,
    /// There was too much to encrypt.
    #[error("it cannot be encrypted")]
    Encryption,
}

/// A JWE whose header has been read, and nothing more.
pub(super) struct Closed<'a> {
    header: Map<String, Value>,
    protected: &'a str,
    parts: [&'a str; 3],
    epk: PublicKey,
    parties: [Vec<u8>; 2],
}

/// Opens a JWE that was made for this key, which goes by `kid`.
pub fn open(jwe: &str, key: &PrivateKey, kid: &str) -> Result<Opened, JweError> {
    Closed::parse(jwe)?.open(key, kid)
}

impl<'a> Closed<'a> {
    pub(super) fn parse(jwe: &'a str) -> Result<Self, JweError> {
        let mut parts = jwe.split('.');
        let mut next = || parts.next().ok_or(JweError::Form);
        let (protected, encrypted_key) = (next()?, next()?);
        let rest = [next()?, next()?, next()?];
        if parts.next().is_some() || !encrypted_key.is_empty() {
            return Err(JweError::Form);
        }
        if protected.len() > LARGEST_HEADER {
            return Err(JweError::HeaderTooLarge);
        }
        let json = BASE64.decode(protected).map_err(|_| JweError::Base64)?;
        let Ok(Value::Object(header)) = strict::parse(&json) else { return Err(JweError::Header) };
        let is =
            |name: &str, expected: &str| header.get(name).is_some_and(|value| value == expected);
        if header.contains_key("zip") {
            return Err(JweError::Zip);
        }
        if header.contains_key("crit") {
            return Err(JweError::Crit);
        }
        if !is("alg", ECDH_ES) || !is("enc", A256GCM) {
            return Err(JweError::Algorithm);
        }
        let epk = header.get("epk").and_then(Value::as_object).ok_or(JweError::Epk)?;
        let epk = PublicJwk::from_json(epk).map_err(|_| JweError::Epk)?.key;
        let parties = [party(&header, "apu")?, party(&header, "apv")?];
        Ok(Self { header, protected, parts: rest, epk, parties })
    }

    /// What the key is called that it was made for, if it says so.
    pub(super) fn kid(&self) -> Option<&Value> {
        self.header.get("kid")
    }

    pub(super) fn open(&self, key: &PrivateKey, kid: &str) -> Result<Opened, JweError> {
        if self.kid().is_some_and(|named| named != kid) {
            return Err(JweError::Kid);
        }
        let decode = |part: &str| BASE64.decode(part).map_err(|_| JweError::Base64);
        let [iv, sealed, tag] = self.parts;
        let (iv, mut sealed, tag) = (decode(iv)?, decode(sealed)?, decode(tag)?);
        let iv: [u8; 12] = iv.try_into().map_err(|_| JweError::Size)?;
        if tag.len() != TAG {
            return Err(JweError::Size);
        }
        sealed.extend_from_slice(&tag);
        let [apu, apv] = &self.parties;
        let key = content_key(key, &self.epk, apu, apv).map_err(|_| JweError::Decryption)?;
        let payload = Payload { msg: &sealed, aad: self.protected.as_bytes() };
        let plaintext = Aes256Gcm::new((&*key).into())
            .decrypt(&Nonce::from(iv), payload)
            .map_err(|_| JweError::Decryption)?;
        Ok(Opened { header: self.header.clone(), plaintext })
    }
}

/// Encrypts to somebody's key. `members` go into the protected header beside what has to be there.
pub fn seal(
    plaintext: &[u8],
    to: &PublicJwk,
    members: Map<String, Value>,
) -> Result<String, JweError> {
    let ephemeral_key = Ephemeral::generate().map_err(|_| JweError::Encryption)?;
    let mut header = members;
    header.insert("alg".to_owned(), json!(ECDH_ES));
    header.insert("enc".to_owned(), json!(A256GCM));
    header.insert("epk".to_owned(), ephemeral(&ephemeral_key.public));
    if let Some(kid) = &to.kid {
        header.insert("kid".to_owned(), json!(kid));
    }
    let (apu, apv) = (party(&header, "apu")?, party(&header, "apv")?);
    let key = ephemeral_key.content_key(&to.key, &apu, &apv).map_err(|_| JweError::Encryption)?;
    let protected = BASE64.encode(Value::Object(header).to_string());
    let mut iv = [0; 12];
    rand::rng().fill_bytes(&mut iv);
    let payload = Payload { msg: plaintext, aad: protected.as_bytes() };
    let mut sealed = Aes256Gcm::new((&*key).into())
        .encrypt(&Nonce::from(iv), payload)
        .map_err(|_| JweError::Encryption)?;
    let tag = sealed.split_off(sealed.len().saturating_sub(TAG));
    let [iv, sealed, tag] = [&iv[..], &sealed, &tag].map(|part| BASE64.encode(part));
    Ok(format!("{protected}..{iv}.{sealed}.{tag}"))
}

fn party(header: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JweError> {
    match header.get(name) {
        None => Ok(vec![]),
        Some(Value::String(text)) => BASE64.decode(text).map_err(|_| JweError::Party),
        Some(_) => Err(JweError::Party),
    }
}

#[cfg(test)]
mod tests;
