//! The files of a backup on their way back into a storage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::buffered::BufWriter;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};

use super::manifest::{Manifest, altered, is_plain};
use super::media::File;
use super::{MEDIA, MEDIA_LIST, at, digest};
use crate::error::Error;
use crate::storage;

/// Files that are asked for, or written, at once.
const AT_ONCE: usize = 16;
/// Missing files that are named.
const NAMED: usize = 1_000;

/// Files that the backup lists and the storage does not have.
#[derive(Debug, Default)]
pub(super) struct MissingFiles {
    pub(super) count: u64,
    /// The first of them.
    pub(super) first: Vec<File>,
}

/// Refuses copies that are not what was written.
pub(super) async fn check_copies(
    manifest: &Manifest,
    folder: &Path,
    done: impl Fn(i64, i64),
) -> Result<(), Error> {
    if !manifest.media.copied {
        return Ok(());
    }
    let mut files = listed(folder).await?;
    let mut checked = 0;
    while let Some(file) = files.try_next().await? {
        let path = copy_of(folder, &file);
        let found = digest::of_file(&path).await.map_err(at(&path))?;
        if (found.0, Some(&found.1)) != (file.size, file.sha256.as_ref()) {
            return Err(altered(&format!("{MEDIA}/{}", file.name)));
        }
        checked += 1;
        done(checked, manifest.media.files.cast_signed());
    }
    Ok(())
}

/// Puts back what the storage does not have, as far as there are copies, and says what is missing then.
pub(super) async fn put_back(
    manifest: &Manifest,
    folder: &Path,
    storage: &Arc<dyn ObjectStore>,
    done: impl Fn(i64, i64),
) -> Result<MissingFiles, Error> {
    let copied = manifest.media.copied;
    let files = listed(folder).await?;
    let put = files.map_ok(|file| put_one(storage, folder, file, copied));
    let mut put = put.try_buffer_unordered(AT_ONCE);
    let (mut seen, mut missing) = (0, MissingFiles::default());
    while let Some(file) = put.try_next().await? {
        seen += 1;
        done(seen, manifest.media.files.cast_signed());
        let Some(file) = file else { continue };
        missing.count += 1;
        if missing.first.len() < NAMED {
            missing.first.push(file);
        }
    }
    Ok(missing)
}

/// The file, where it is missing and stays so.
async fn put_one(
    storage: &Arc<dyn ObjectStore>,
    folder: &Path,
    file: File,
    copied: bool,
) -> Result<Option<File>, Error> {
    let name = Name::from(file.name.as_str());
    match storage.head(&name).await {
        Ok(found) if found.size == file.size => return Ok(None),
        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(storage::Error::from(error).into()),
    }
    if !copied {
        return Ok(Some(file));
    }
    let path = copy_of(folder, &file);
    let mut copy = tokio::fs::File::open(&path).await.map_err(at(&path))?;
    let mut writer = BufWriter::new(Arc::clone(storage), name);
    tokio::io::copy(&mut copy, &mut writer).await.map_err(at(&path))?;
    writer.shutdown().await.map_err(at(&path))?;
    Ok(None)
}

fn copy_of(folder: &Path, file: &File) -> PathBuf {
    folder.join(MEDIA).join(&file.name)
}

/// The files of the list, in its order.
async fn listed(folder: &Path) -> Result<BoxStream<'static, Result<File, Error>>, Error> {
    let path = folder.join(MEDIA_LIST);
    let list = tokio::fs::File::open(&path).await.map_err(at(&path))?;
    let lines = BufReader::new(list).lines();
    let next = async |(mut lines, path): (Lines<_>, PathBuf)| {
        let line: Option<String> = lines.next_line().await.map_err(at(&path))?;
        line.map(|line| Ok((parse(&line)?, (lines, path)))).transpose()
    };
    Ok(stream::try_unfold((lines, path), next).boxed())
}

fn parse(line: &str) -> Result<File, Error> {
    let file: Option<File> = serde_json::from_str(line).ok();
    file.filter(|file| is_plain(&file.name)).ok_or_else(|| altered(MEDIA_LIST))
}
