//! JWE by the letter of RFC 7516 and RFC 7518, 4.6, with any header: also one that is wrong.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use rand::Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub fn random() -> SecretKey {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    SecretKey::from_slice(&bytes).unwrap()
}

pub fn jwk(key: &PublicKey) -> Value {
    let point = key.to_sec1_point(false);
    let bytes = point.as_bytes();
    let (x, y) = (BASE64.encode(&bytes[1..33]), BASE64.encode(&bytes[33..]));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

pub fn private_jwk(key: &SecretKey) -> Value {
    let mut jwk = jwk(&key.public_key());
    jwk["d"] = json!(BASE64.encode(key.to_bytes()));
    jwk
}

pub fn public(jwk: &Value) -> PublicKey {
    let octets = |name: &str| BASE64.decode(jwk[name].as_str().unwrap()).unwrap();
    PublicKey::from_sec1_bytes(&[vec![4], octets("x"), octets("y")].concat()).unwrap()
}

/// With the given header, and an `epk` unless it has one.
pub fn seal(to: &PublicKey, header: &Value, plaintext: &[u8]) -> String {
    let mine = random();
    let mut header = header.clone();
    if header.get("epk").is_none() {
        header["epk"] = jwk(&mine.public_key());
    }
    seal_text(to, &mine, &header.to_string(), plaintext)
}

/// With a header of any text; the parties are those that it names, where it is JSON.
pub fn seal_text(to: &PublicKey, mine: &SecretKey, header: &str, plaintext: &[u8]) -> String {
    let parsed: Value = serde_json::from_str(header).unwrap_or_default();
    let key = agreed(mine, to, &parsed);
    let protected = BASE64.encode(header);
    let mut iv = [0; 12];
    rand::rng().fill_bytes(&mut iv);
    let payload = Payload { msg: plaintext, aad: protected.as_bytes() };
    let sealed = Aes256Gcm::new(&key.into()).encrypt(&Nonce::from(iv), payload).unwrap();
    let (text, tag) = sealed.split_at(sealed.len() - 16);
    format!("{protected}..{}.{}.{}", BASE64.encode(iv), BASE64.encode(text), BASE64.encode(tag))
}

/// The header and what was encrypted.
pub fn open(secret: &SecretKey, jwe: &str) -> (Value, Vec<u8>) {
    let parts: Vec<_> = jwe.split('.').collect();
    let decode = |part: usize| BASE64.decode(parts[part]).unwrap();
    let header: Value = serde_json::from_slice(&decode(0)).unwrap();
    assert_eq!((&header["alg"], &header["enc"]), (&json!("ECDH-ES"), &json!("A256GCM")));
    let key = agreed(secret, &public(&header["epk"]), &header);
    let iv: [u8; 12] = decode(2).try_into().unwrap();
    let sealed = [decode(3), decode(4)].concat();
    let payload = Payload { msg: &sealed, aad: parts[0].as_bytes() };
    let plaintext = Aes256Gcm::new(&key.into()).decrypt(&Nonce::from(iv), payload).unwrap();
    (header, plaintext)
}

fn agreed(secret: &SecretKey, public: &PublicKey, header: &Value) -> [u8; 32] {
    let party = |name: &str| BASE64.decode(header[name].as_str().unwrap_or_default()).unwrap();
    let shared = secret.diffie_hellman(public);
    let mut hashed = 1_u32.to_be_bytes().to_vec();
    hashed.extend_from_slice(shared.raw_secret_bytes());
    for part in [b"A256GCM".to_vec(), party("apu"), party("apv")] {
        hashed.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        hashed.extend_from_slice(&part);
    }
    hashed.extend_from_slice(&256_u32.to_be_bytes());
    Sha256::digest(&hashed).into()
}
