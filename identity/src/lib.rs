//! Who somebody is: the program's secrets, and what is kept of accounts beside the log, which are passwords,
//! second factors, sessions, sign-ins and the keys of persons (the vault).
//!
//! Nothing here writes events: the crate `commands` does, and it runs what has to be committed with one in the
//! same transaction. Types stand at the root; functions are called by their module.

mod access;
mod access_ends;
mod binding;
mod challenge;
pub mod clock;
pub mod credentials;
mod encryption;
pub mod ending;
mod error;
mod identity;
pub mod journal;
mod keyed;
mod keyring;
pub mod links;
mod media_links;
pub mod passwords;
mod revocations;
pub mod second_factor;
mod secrets;
pub mod sessions;
mod sign_ins;
mod signing;
mod throttle;
mod totp;
mod vault;

pub use access::{ACCESS_LIFETIME, Authenticated, Limit, Standing};
pub use binding::{BindingError, IfMissing, compare, secrets_belong, secrets_of};
pub use challenge::Recognised;
pub use encryption::{EncryptionKey, thumbprint};
pub use error::IdentityError;
pub use identity::{ErasureKey, Identity, SESSION_IDLE_DAYS};
pub use journal::JournalEntry;
pub use keyring::Keyring;
pub use links::{LinkHolder, Links};
pub use media_links::{MediaHolder, MediaKind, MediaLink};
pub use revocations::Revocations;
pub use second_factor::{Enrolment, FactorSecret};
pub use secrets::{Secrets, SecretsError};
pub use sessions::{Access, FoundToken, Session, Tokens};
pub use sign_ins::{Origin, SignIn};
pub use throttle::{Admitted, Tries};
pub use totp::{Code, RecoveryCodes};
pub use vault::{Vault, VaultError};

#[cfg(test)]
mod access_model;
#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
