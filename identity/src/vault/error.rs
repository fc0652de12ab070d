/// Why personal data could not be sealed or opened; it quotes neither texts nor keys.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database refused.
    #[error("the keys of persons cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// The wrapping key is not in SECRETS_FILE.
    #[error("SECRETS_FILE lacks the wrapping key {0}: restore it")]
    UnknownKey(String),
    /// Ciphertext that this key, at this place, did not make.
    #[error("personal data or its key was altered: {0}")]
    Altered(String),
}
