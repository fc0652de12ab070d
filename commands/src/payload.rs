//! Encrypted payloads are taken once, by whichever replica.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};

use crate::{CommandError, Commands};

impl Commands {
    /// Takes a payload's `jti`; `false` where it was taken before. It stays taken for longer than
    /// a payload of any age that is accepted, and for longer than clocks differ.
    pub async fn take_payload_nonce(&self, jti: &str) -> Result<bool, CommandError> {
        // Clients choose these: a digest has a length that is known, and no letter too odd for text.
        let digest = BASE64.encode(Sha256::digest(jti.as_bytes()));
        let taken = sqlx::query(
            "INSERT INTO payload_nonces (jti, expires_at) VALUES ($1, now() + interval '10 minutes')
             ON CONFLICT (jti) DO NOTHING",
        )
        .bind(digest)
        .execute(&self.parts.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }
}
