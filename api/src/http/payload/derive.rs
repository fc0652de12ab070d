//! Key agreement: ECDH-ES with the Concat KDF (RFC 7518, 4.6.2; NIST SP 800-56A, 5.8.1).

use aws_lc_rs::agreement::{
    ECDH_P256, EphemeralPrivateKey, PrivateKey, UnparsedPublicKey, agree, agree_ephemeral,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use p256::PublicKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The name of the content encryption, which the key is derived for.
pub(super) const A256GCM: &str = "A256GCM";
/// Bits of its key.
const BITS: u32 = 256;

/// The content encryption key of A256GCM that two parties agree on. `apu` and `apv` are decoded.
pub(super) fn content_key(
    secret: &PrivateKey,
    public: &PublicKey,
    apu: &[u8],
    apv: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Unspecified> {
    let point = public.to_sec1_point(false);
    let public = UnparsedPublicKey::new(&ECDH_P256, point.as_bytes());
    agree(secret, public, Unspecified, |shared| Ok(concat_kdf(shared, A256GCM, apu, apv, BITS)))
}

/// A key pair for one message.
pub(super) struct Ephemeral {
    secret: EphemeralPrivateKey,
    /// The public half: 4, x and y (SEC 1, 2.3.3).
    pub(super) public: [u8; 65],
}

impl Ephemeral {
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let secret = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
        let public = secret.compute_public_key()?.as_ref().try_into().map_err(|_| Unspecified)?;
        Ok(Self { secret, public })
    }

    /// As [`content_key`].
    pub(super) fn content_key(
        self,
        public: &PublicKey,
        apu: &[u8],
        apv: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, Unspecified> {
        let point = public.to_sec1_point(false);
        let public = UnparsedPublicKey::new(&ECDH_P256, point.as_bytes());
        let derive = |shared: &[u8]| Ok(concat_kdf(shared, A256GCM, apu, apv, BITS));
        agree_ephemeral(self.secret, public, Unspecified, derive)
    }
}

/// One round of SHA-256, which is enough for keys of up to 256 bits.
fn concat_kdf(
    shared: &[u8],
    algorithm: &str,
    apu: &[u8],
    apv: &[u8],
    bits: u32,
) -> Zeroizing<[u8; 32]> {
    let mut digest = Sha256::new();
    digest.update(1_u32.to_be_bytes());
    digest.update(shared);
    for part in [algorithm.as_bytes(), apu, apv] {
        // A header is bounded, so lengths fit.
        digest.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(part);
    }
    digest.update(bits.to_be_bytes());
    Zeroizing::new(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    use super::*;

    fn scalar(text: &str) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, &BASE64.decode(text).unwrap()).unwrap()
    }

    fn public(secret: &PrivateKey) -> PublicKey {
        PublicKey::from_sec1_bytes(secret.compute_public_key().unwrap().as_ref()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7518_appendix_c_gives_its_key_from_either_side() {
        let alice = scalar("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let bob = scalar("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");

        for (secret, other) in [(&alice, &bob), (&bob, &alice)] {
            let public = other.compute_public_key().unwrap();
            let public = UnparsedPublicKey::new(&ECDH_P256, public.as_ref());
            let derive = |shared: &[u8]| Ok(concat_kdf(shared, "A128GCM", b"Alice", b"Bob", 128));
            let key = agree(secret, public, Unspecified, derive).unwrap();

            assert_eq!(BASE64.encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
        }
    }

    #[test]
    fn a_key_for_one_message_agrees_with_one_that_is_kept() {
        let kept = scalar("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
        let ephemeral = Ephemeral::generate().unwrap();
        let sender = PublicKey::from_sec1_bytes(&ephemeral.public).unwrap();

        let sent = ephemeral.content_key(&public(&kept), b"Alice", b"Bob").unwrap();

        assert_eq!(sent, content_key(&kept, &sender, b"Alice", b"Bob").unwrap());
    }

    #[test]
    fn who_the_parties_are_counts() {
        let one = scalar("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
        let other = public(&scalar("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"));
        let key = |apu: &[u8], apv: &[u8]| content_key(&one, &other, apu, apv).unwrap();

        assert_ne!(key(b"", b""), key(b"a", b""));
        assert_ne!(key(b"", b""), key(b"", b"a"));
        assert_ne!(key(b"ab", b""), key(b"a", b"b"));
    }
}
