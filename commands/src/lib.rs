//! The write side: authorise, load, decide, append.
//!
//! [`Commands`] is the one way in; a file per feature says what each command needs besides its
//! aggregate. `store` is the event store, `identity` holds passwords, tokens and sessions.

mod category;
mod context;
mod error;
mod execute;
mod housekeeping;
mod idempotency;
pub mod identity;
pub mod media;
mod order;
mod payload;
mod product;
mod store;
pub mod uploads;
mod user;
mod vault;

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::watch;

pub use context::{Context, Done, IdempotencyClaim, Made, Row};
pub use error::{CommandError, Reservation};
pub use idempotency::{Begun, Idempotency, Outcome, StoredAnswer};
pub use identity::{Authenticated, Session, Tokens};
pub use product::NewVideo;
pub use store::{Folded, ReadModels, StoreError, Write};
pub use vault::{Vault, VaultError};

use identity::{EncryptionKey, Identity};
use store::Store;
use uploads::Uploads;

/// Everything that can be commanded. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    pool: PgPool,
    store: Store,
    vault: Vault,
    identity: Arc<Identity>,
    uploads: Uploads,
}

impl Commands {
    /// Starts the appender; it ends when the last clone is dropped.
    pub fn new(pool: PgPool, read_models: Arc<dyn ReadModels>, identity: Identity) -> Self {
        let identity = Arc::new(identity);
        let vault = Vault::new(pool.clone(), Arc::clone(identity.keyring()));
        let revocations = Arc::clone(identity.revocations());
        let store = Store::new(pool.clone(), read_models, revocations, vault.clone());
        let uploads = Uploads::new(pool.clone());
        Self { pool, store, vault, identity, uploads }
    }

    /// The newest position that this process committed: a hint to wake up, never a promise.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.store.committed()
    }

    /// What POSTs with an `Idempotency-Key` led to.
    pub fn idempotency(&self) -> Idempotency {
        Idempotency::new(self.pool.clone())
    }

    /// Resumable uploads.
    pub const fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// Opens personal data in events.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Links in mails.
    pub fn links(&self) -> &identity::Links {
        self.identity.links()
    }

    /// The public keys, for signatures and for encryption, as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        self.identity.keyring().keys().jwks().clone()
    }

    /// The keys that a payload may be encrypted to: the one that goes by this name, or any.
    pub fn encryption_keys(&self, kid: Option<&str>) -> Vec<EncryptionKey> {
        self.identity.keyring().encryption(kid)
    }

    /// The keyed form of a digest: what it was made of, such as a password, can't be guessed from it.
    pub fn blind(&self, digest: &[u8; 32]) -> [u8; 32] {
        self.identity.blind(digest)
    }

    /// Who a bearer token speaks for, if it still does.
    pub fn authenticate(&self, bearer: &str) -> Result<Authenticated, CommandError> {
        self.identity.authenticate(bearer)
    }
}

#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
