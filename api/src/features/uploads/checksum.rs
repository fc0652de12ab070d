//! `Upload-Checksum`: what the bytes of one request have to add up to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::protocol::{only, unreadable};
use crate::http::problem::Problem;
use crate::http::tus::CHECKSUM;

/// A digest in the making, and what it has to become.
pub(super) enum Checksum {
    Sha1(Sha1, Vec<u8>),
    Sha256(Sha256, Vec<u8>),
}

impl Checksum {
    /// `None` where the client sends none.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(text) = only(headers, &CHECKSUM)? else { return Ok(None) };
        let parsed = text.split_once(' ').and_then(|(algorithm, expected)| {
            let expected = BASE64.decode(expected).ok()?;
            match algorithm {
                "sha1" => Some(Self::Sha1(Sha1::new(), expected)),
                "sha256" => Some(Self::Sha256(Sha256::new(), expected)),
                _ => None,
            }
        });
        let expected = "sha1 or sha256, a space, and the digest in base64";
        parsed.map(Some).ok_or_else(|| unreadable(&CHECKSUM, expected))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(digest, _) => digest.update(bytes),
            Self::Sha256(digest, _) => digest.update(bytes),
        }
    }

    /// Whether the bytes are those that were meant.
    pub(super) fn matches(self) -> bool {
        match self {
            Self::Sha1(digest, expected) => digest.finalize().as_slice() == expected,
            Self::Sha256(digest, expected) => digest.finalize().as_slice() == expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn checksum(text: &'static str) -> Result<Option<Checksum>, Problem> {
        Checksum::of(&HeaderMap::from_iter([(CHECKSUM, HeaderValue::from_static(text))]))
    }

    #[test]
    fn both_algorithms_tell_bytes_apart() {
        for text in [
            "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        ] {
            for (bytes, same) in [("hello world", true), ("hello", false)] {
                let mut checksum = checksum(text).unwrap().unwrap();
                checksum.update(bytes.as_bytes());
                assert_eq!(checksum.matches(), same, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for bad in ["", "sha1", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 ?", "SHA1 "] {
            assert!(checksum(bad).is_err(), "{bad}");
        }
        assert!(Checksum::of(&HeaderMap::new()).unwrap().is_none());
    }
}
