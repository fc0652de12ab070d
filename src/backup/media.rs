//! The storage's files in a backup: a list of all, and copies of them where these are asked for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Name;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use pool::PgPool;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWriteExt, BufWriter};
use uuid::Uuid;

use super::manifest::MediaTotal;
use super::{MEDIA, MEDIA_LIST, at};
use crate::error::Error;
use crate::health;
use crate::storage;

/// Files whose hashes are looked up together.
const PAGE: usize = 500;

/// A file of the storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name in the storage.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// In hexadecimal; `None` where nobody has computed it.
    pub sha256: Option<String>,
}

/// Writes the list of all files, and copies of them if `copied`. `done` is told how many there are so far.
pub(super) async fn write(
    pool: &PgPool,
    storage: &Arc<dyn ObjectStore>,
    folder: &Path,
    copied: bool,
    done: impl Fn(i64),
) -> Result<MediaTotal, Error> {
    let path = folder.join(MEDIA_LIST);
    let file = tokio::fs::File::create(&path).await.map_err(at(&path))?;
    let (mut list, mut total) =
        (BufWriter::new(file), MediaTotal { copied, ..MediaTotal::default() });
    let mut pages = storage.list(None).try_chunks(PAGE);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| storage::Error::from(error.1))?;
        let mut hashes = hashes(pool, &page).await?;
        for found in page.into_iter().filter(|found| found.location.as_ref() != health::PROBE) {
            let sha256 = hashes.remove(&found.location);
            let Some(file) = one(storage, folder, found, sha256, copied).await? else { continue };
            total.files += 1;
            total.bytes += file.size;
            let mut line =
                serde_json::to_vec(&file).map_err(std::io::Error::from).map_err(at(&path))?;
            line.push(b'\n');
            list.write_all(&line).await.map_err(at(&path))?;
            done(total.files.cast_signed());
        }
    }
    list.flush().await.map_err(at(&path))?;
    list.get_ref().sync_all().await.map_err(at(&path))?;
    Ok(total)
}

/// What the list says of a file, which is copied if it is to be; `None` where it is gone by now.
async fn one(
    storage: &Arc<dyn ObjectStore>,
    folder: &Path,
    found: ObjectMeta,
    sha256: Option<String>,
    copied: bool,
) -> Result<Option<File>, Error> {
    let name = found.location.to_string();
    if !copied {
        return Ok(Some(File { name, size: found.size, sha256 }));
    }
    let copy = copy(storage, &found.location, &folder.join(MEDIA).join(&name)).await?;
    Ok(copy.map(|(size, sha256)| File { name, size, sha256: Some(sha256) }))
}

async fn copy(
    storage: &Arc<dyn ObjectStore>,
    name: &Name,
    to: &Path,
) -> Result<Option<(u64, String)>, Error> {
    let found = match storage.get(name).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found.map_err(storage::Error::from)?,
    };
    if let Some(parent) = to.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(at(parent))?;
    }
    let mut file = tokio::fs::File::create(to).await.map_err(at(to))?;
    let (mut hash, mut size, mut pieces) = (Sha256::new(), 0, found.into_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(storage::Error::from)?;
        size += piece.len() as u64;
        hash.update(&piece);
        file.write_all(&piece).await.map_err(at(to))?;
    }
    file.sync_all().await.map_err(at(to))?;
    Ok(Some((size, hex::encode(hash.finalize()))))
}

/// Hashes that the database has: those of finished videos.
async fn hashes(pool: &PgPool, page: &[ObjectMeta]) -> Result<HashMap<Name, String>, Error> {
    let videos: HashMap<Uuid, &Name> =
        page.iter().filter_map(|found| Some((video(&found.location)?, &found.location))).collect();
    let uploads: Vec<_> = videos.keys().map(Uuid::to_string).collect();
    let known: Vec<(String, String)> = sqlx::query_as(
        "SELECT video ->> 'upload', video ->> 'sha256' FROM products
         WHERE video IS NOT NULL AND video ->> 'upload' = ANY($1)
         AND processing_status = 'READY' AND video ->> 'sha256' IS NOT NULL",
    )
    .bind(uploads)
    .fetch_all(pool)
    .await?;
    let named = known.into_iter().filter_map(|(upload, sha256)| {
        let name = *videos.get(&Uuid::try_parse(&upload).ok()?)?;
        Some((name.clone(), sha256))
    });
    Ok(named.collect())
}

/// The upload that a finished video is of.
fn video(name: &Name) -> Option<Uuid> {
    let file = name.as_ref().strip_prefix("videos/")?;
    Uuid::try_parse(file.split_once('.')?.0).ok()
}
