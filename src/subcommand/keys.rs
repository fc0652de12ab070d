//! `vetted keys rotate`: a new signing key; the one before stays accepted.

use commands::identity::Secrets;

use crate::config::Config;
use crate::parts::Error;

/// Rotates the signing key.
pub fn rotate(config: &Config) -> Result<(), Error> {
    Secrets::rotate(&config.secrets_file)?;
    super::say("A new key signs from the next start on; tokens of the one before stay good.")
}
