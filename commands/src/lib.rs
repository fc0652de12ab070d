//! The write side: authorise, load, decide, append.
//!
//! [`Commands`] is the one way in; a file per feature says what each command needs besides its
//! aggregate. `store` is the event store; passwords, tokens and the keys of persons are the crate `identity`.

mod category;
mod context;
mod data_error;
mod decision;
pub mod erasure;
mod error;
mod execute;
mod follow;
mod housekeeping;
mod idempotency;
mod login;
pub mod media;
mod media_links;
mod order;
mod outage;
mod payload;
mod policy;
mod product;
mod references;
mod second_factor;
mod sessions;
mod store;
pub mod uploads;
mod user;

use std::sync::Arc;
use std::time::Duration;

use domain::{Role, UserId};
use identity::{EncryptionKey, Identity, Standing, Vault};
use log::InlineProjections;
use pool::{Limits, PgPool};
use tokio::sync::{broadcast, watch};

pub use context::{Context, Done, IdempotencyClaim, Made, Row};
pub use data_error::{is_data_error, refused_value};
pub use erasure::{ErasureError, Erasures};
pub use error::CommandError;
pub use follow::SessionFollower;
pub use idempotency::{Answered, Begun, Idempotency, Outcome, StoredAnswer};
pub use outage::is_outage;
pub use product::NewVideo;
pub use references::References;
pub use second_factor::SecondFactor;
pub use store::{Reservation, StoreError};

use payload::Nonces;
use store::Store;
use uploads::Uploads;

/// How long a connection may be waited for: a client is told within a second that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(800);
const WRITES: Limits = Limits { connections: 8, patience: ACQUIRE_TIMEOUT };

/// Everything that can be commanded. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    parts: Arc<Parts>,
}

struct Parts {
    pool: PgPool,
    /// For what is committed for a request without an event. Those that wait for a standby leave reads their
    /// connections.
    writes: PgPool,
    store: Store,
    vault: Vault,
    identity: Arc<Identity>,
    followed: watch::Sender<i64>,
    uploads: Uploads,
    nonces: Nonces,
    idempotency: Idempotency,
}

impl Commands {
    /// Starts the appender; it ends when the last clone is dropped.
    pub fn new(pool: PgPool, read_models: Arc<dyn InlineProjections>, identity: Identity) -> Self {
        let writes = pool.with(&[], WRITES);
        let vault = Vault::new(pool.clone(), writes.clone(), Arc::clone(identity.keyring()));
        let revocations = Arc::clone(identity.revocations());
        let store = Store::new(pool.clone(), read_models, revocations, vault.clone());
        let followed = watch::Sender::new(0);
        let nonces = Nonces::new(pool.clone());
        let parts = Parts {
            store,
            vault,
            identity: Arc::new(identity),
            followed,
            uploads: Uploads::new(writes.clone()),
            nonces,
            idempotency: Idempotency::new(&pool, writes.clone()),
            pool,
            writes,
        };
        Self { parts: Arc::new(parts) }
    }

    /// These commands, reading over connections of another pool. A connection is served by the
    /// runtime that opened it: one whose threads give way must open none that others wait for.
    #[must_use]
    pub fn with_pool(&self, pool: &PgPool) -> Self {
        let Parts { store, vault, identity, followed, uploads, nonces, idempotency, .. } =
            &*self.parts;
        let vault = vault.with_pool(pool);
        let parts = Parts {
            pool: pool.clone(),
            writes: pool.clone(),
            store: store.with_pool(pool, vault.clone()),
            vault,
            identity: Arc::clone(identity),
            followed: followed.clone(),
            uploads: uploads.with_pool(pool),
            nonces: nonces.clone(),
            idempotency: idempotency.clone(),
        };
        Self { parts: Arc::new(parts) }
    }

    /// The newest position that this process committed: a hint to wake up, never a promise.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.parts.store.committed()
    }

    /// How far this process has read the log by [`Commands::follow_sessions`]: whatever ended tokens
    /// up to there counts.
    pub fn followed(&self) -> watch::Receiver<i64> {
        self.parts.followed.subscribe()
    }

    /// People some of whose tokens end, from now on.
    pub fn ended(&self) -> broadcast::Receiver<UserId> {
        self.parts.identity.revocations().ended()
    }

    /// What POSTs with an `Idempotency-Key` led to.
    pub fn idempotency(&self) -> Idempotency {
        self.parts.idempotency.clone()
    }

    /// Resumable uploads.
    pub fn uploads(&self) -> &Uploads {
        &self.parts.uploads
    }

    /// Opens personal data in events.
    pub fn vault(&self) -> &Vault {
        &self.parts.vault
    }

    /// Links in mails.
    pub fn links(&self) -> &identity::Links {
        self.parts.identity.links()
    }

    /// The public keys, for signatures and for encryption, as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        self.parts.identity.keyring().keys().jwks().clone()
    }

    /// The keys that a payload may be encrypted to: the one that goes by this name, or any.
    pub fn encryption_keys(&self, kid: Option<&str>) -> Vec<EncryptionKey> {
        self.parts.identity.keyring().encryption(kid)
    }

    /// The keyed form of a digest: what it was made of, such as a password, can't be guessed from it.
    pub fn keyed_digest(&self, digest: &[u8; 32]) -> [u8; 32] {
        self.parts.identity.keyed_digest(digest)
    }

    /// Whether accounts of a role have to have a second factor.
    pub fn requires_second_factor(&self, role: Role) -> bool {
        self.parts.identity.needs_second_factor(role)
    }

    /// Whether a token that was good still is.
    pub fn stands(&self, standing: &Standing) -> bool {
        self.parts.identity.stands(standing)
    }
}
