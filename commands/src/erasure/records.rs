//! Records of erasures, in the storage for files: a database that is restored from a backup does not know of
//! the persons who were erased since, and the storage does. A record names the person and the moment, and
//! carries a proof, an HMAC under a key of this database's secrets: the right to write to the storage is not
//! enough to have somebody erased.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::UserId;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use identity::{ErasureKey, clock};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, Result};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The folder of the records. Nothing is ever swept from it.
pub const FOLDER: &str = "erasures";
/// More bytes than a record has.
const LONGEST: u64 = 1_024;

/// The records in one storage.
#[derive(Clone)]
pub(super) struct Records {
    storage: Arc<dyn ObjectStore>,
    key: ErasureKey,
}

/// A record as a list of the storage shows it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Who was erased, if the record is [genuine](Authenticity::Genuine).
    pub(super) person: UserId,
    /// Its name in the storage.
    path: Path,
    size: u64,
    written: OffsetDateTime,
}

/// What a record is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authenticity {
    /// It was written with this database's keys.
    Genuine,
    /// It was not.
    Foreign,
    /// It was removed meanwhile: the erasure was refused.
    Gone,
}

#[derive(Serialize, Deserialize)]
struct Content {
    person: UserId,
    /// When the erasure was asked for (RFC 3339).
    at: String,
    /// Base64url.
    proof: String,
}

impl Record {
    /// Whether the request that wrote it may still be under way.
    pub(super) fn is_younger_than(&self, age: Duration) -> bool {
        // The clock of a storage may be ahead.
        let past = clock::now() - self.written;
        !past.is_negative() && past < age
    }

    /// What the object is called.
    pub fn name(&self) -> &str {
        self.path.as_ref()
    }

    fn listed(found: &ObjectMeta) -> Option<Self> {
        let (person, _) = found.location.filename()?.split_once('.')?;
        let person = UserId::from_uuid(Uuid::try_parse(person).ok()?);
        let path = found.location.clone();
        let written = OffsetDateTime::from(SystemTime::from(found.last_modified));
        Some(Self { person, path, size: found.size, written })
    }
}

impl Records {
    pub(super) const fn new(storage: Arc<dyn ObjectStore>, key: ErasureKey) -> Self {
        Self { storage, key }
    }

    /// Writes a record of one request alone: another one for the same person has its own, so that one that is
    /// refused never removes what another one's answer stands on.
    pub(super) async fn write(&self, person: UserId) -> Result<Path> {
        self.write_as(person, Uuid::now_v7()).await
    }

    /// Writes the record of an erasure that has none, always under the same name.
    pub(super) async fn write_once(&self, person: UserId) -> Result<Path> {
        self.write_as(person, Uuid::nil()).await
    }

    async fn write_as(&self, person: UserId, attempt: Uuid) -> Result<Path> {
        let path = Path::from(format!("{FOLDER}/{person}.{attempt}"));
        let at = clock::now().format(&Rfc3339).unwrap_or_default();
        let proof = BASE64.encode(self.key.proof(person, &at));
        let content = serde_json::to_vec(&Content { person, at, proof }).map_err(|source| {
            Error::Generic { store: "records of erasures", source: source.into() }
        })?;
        self.storage.put(&path, content.into()).await?;
        Ok(path)
    }

    /// Removes the record of an erasure that was refused.
    pub(super) async fn remove(&self, path: &Path) -> Result<()> {
        match self.storage.delete(path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            deleted => deleted,
        }
    }

    /// Every record, as the storage lists them: nothing is read.
    pub(super) fn list(&self) -> BoxStream<'static, Result<Record>> {
        let found = self.storage.list(Some(&Path::from(FOLDER)));
        found.try_filter_map(async |found| Ok(Record::listed(&found))).boxed()
    }

    /// Reads a record, and says what it is worth.
    pub(super) async fn judge(&self, record: &Record) -> Result<Authenticity> {
        if record.size > LONGEST {
            return Ok(Authenticity::Foreign);
        }
        let bytes = match self.storage.get(&record.path).await {
            Ok(found) => found.bytes().await?,
            Err(Error::NotFound { .. }) => return Ok(Authenticity::Gone),
            Err(error) => return Err(error),
        };
        let genuine =
            serde_json::from_slice(&bytes).is_ok_and(|content| self.is_proven(record, &content));
        Ok(if genuine { Authenticity::Genuine } else { Authenticity::Foreign })
    }

    fn is_proven(&self, record: &Record, content: &Content) -> bool {
        let proof = BASE64.decode(&content.proof).unwrap_or_default();
        let expected = self.key.proof(content.person, &content.at);
        content.person == record.person && bool::from(expected.as_slice().ct_eq(&proof))
    }
}
