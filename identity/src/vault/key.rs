//! One person's key: seals and opens what is about them.

use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::{Personal, Sealed, StreamId, UserId};

use super::cipher::{cipher, decrypt, encrypt, joined};
use super::error::VaultError;

/// A person's key, unwrapped.
#[derive(Clone)]
pub(super) struct PersonKey {
    version: i32,
    cipher: Arc<Aes256Gcm>,
}

/// Where in the log a text stands: it can be opened nowhere else.
pub(super) struct TextLocation<'a> {
    pub(super) stream: StreamId,
    pub(super) sequence: i64,
    pub(super) event: &'static str,
    pub(super) version: &'a str,
}

impl PersonKey {
    pub(super) fn new(version: i32, key: &[u8; 32]) -> Self {
        Self { version, cipher: Arc::new(cipher(key)) }
    }

    pub(super) fn seal(
        &self,
        text: &str,
        location: &TextLocation<'_>,
        field: &str,
        about: UserId,
    ) -> Result<Sealed, VaultError> {
        let data = location.data(field, about, self.version);
        let sealed = encrypt(&self.cipher, text.as_bytes(), &data)?;
        Ok(Sealed { key: self.version, data: BASE64.encode(sealed) })
    }

    pub(super) fn open(
        &self,
        sealed: &Sealed,
        location: &TextLocation<'_>,
        field: &str,
        personal: &Personal,
    ) -> Result<String, VaultError> {
        let data = location.data(field, personal.about, sealed.key);
        let bytes = BASE64.decode(&sealed.data).ok();
        bytes
            .and_then(|bytes| decrypt(&self.cipher, &bytes, &data))
            .and_then(|text| String::from_utf8(text).ok())
            .ok_or_else(|| {
                VaultError::Altered(format!("{} {} {field}", location.stream, location.sequence))
            })
    }

    /// Bytes that stand outside of the log.
    pub(super) fn seal_bytes(
        &self,
        bytes: &[u8],
        purpose: &str,
        about: UserId,
    ) -> Result<Vec<u8>, VaultError> {
        encrypt(&self.cipher, bytes, &self.data(purpose, about))
    }

    pub(super) fn open_bytes(
        &self,
        sealed: &[u8],
        purpose: &str,
        about: UserId,
    ) -> Result<Vec<u8>, VaultError> {
        decrypt(&self.cipher, sealed, &self.data(purpose, about))
            .ok_or_else(|| VaultError::Altered(format!("the {purpose} of {about}")))
    }

    /// What such bytes are bound to.
    fn data(&self, purpose: &str, about: UserId) -> Vec<u8> {
        let (about, key) = (about.uuid(), self.version.to_be_bytes());
        joined(&[b"vetted-personal-bytes/v1", purpose.as_bytes(), about.as_bytes(), &key])
    }
}

impl TextLocation<'_> {
    /// What the ciphertext is bound to, each part led by its length.
    fn data(&self, field: &str, about: UserId, key: i32) -> Vec<u8> {
        joined(&[
            b"vetted-personal/v1",
            self.stream.to_string().as_bytes(),
            &self.sequence.to_be_bytes(),
            self.event.as_bytes(),
            self.version.as_bytes(),
            field.as_bytes(),
            about.uuid().as_bytes(),
            &key.to_be_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn location(sequence: i64) -> TextLocation<'static> {
        let stream = StreamId { kind: domain::StreamType::Product, id: Uuid::from_u128(5) };
        TextLocation { stream, sequence, event: "ProductRejected", version: "1" }
    }

    fn sealed(key: &PersonKey, text: &str) -> Personal {
        let about = UserId::from_uuid(Uuid::from_u128(7));
        let sealed = key.seal(text, &location(3), "reason", about).unwrap();
        Personal { about, text: None, sealed: Some(sealed) }
    }

    fn key(byte: u8) -> PersonKey {
        PersonKey::new(1, &[byte; 32])
    }

    fn opened(
        key: &PersonKey,
        personal: &Personal,
        at: &TextLocation<'_>,
        field: &str,
    ) -> Option<String> {
        key.open(personal.sealed.as_ref()?, at, field, personal).ok()
    }

    #[test]
    fn a_text_is_opened_where_it_was_sealed_and_nowhere_else() {
        let (key, other_key) = (key(1), key(2));
        let personal = sealed(&key, "too dark");

        assert_eq!(opened(&key, &personal, &location(3), "reason").as_deref(), Some("too dark"));

        assert_eq!(opened(&key, &personal, &location(4), "reason"), None);
        assert_eq!(opened(&key, &personal, &location(3), "email"), None);
        assert_eq!(opened(&other_key, &personal, &location(3), "reason"), None);
        let somebody_else = UserId::from_uuid(Uuid::from_u128(8));
        let moved = Personal { about: somebody_else, ..personal };
        assert_eq!(opened(&key, &moved, &location(3), "reason"), None);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = key(1);
        let personal = sealed(&key, "too dark");
        let bytes = BASE64.decode(&personal.sealed.as_ref().unwrap().data).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let sealed = Sealed { key: 1, data: BASE64.encode(changed) };
            assert!(key.open(&sealed, &location(3), "reason", &personal).is_err());
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way_twice() {
        let key = key(1);
        assert_ne!(sealed(&key, "too dark").sealed, sealed(&key, "too dark").sealed);
    }
}
