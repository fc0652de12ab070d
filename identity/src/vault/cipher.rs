//! AES-256-GCM, and what ciphertexts are bound to.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use rand::Rng;

use super::error::VaultError;

const NONCE: usize = 12;

pub(super) fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Nonce, ciphertext and tag; the nonce is fresh and random.
pub(super) fn encrypt(cipher: &Aes256Gcm, text: &[u8], data: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE];
    rand::rng().fill_bytes(&mut nonce);
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: text, aad: data });
    let sealed = sealed.map_err(|_| VaultError::Altered("a text is too long".to_owned()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

pub(super) fn decrypt(cipher: &Aes256Gcm, sealed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: data }).ok()
}

/// What a ciphertext is bound to, each part led by its length.
pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let with_length = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    parts.iter().flat_map(with_length).collect()
}
