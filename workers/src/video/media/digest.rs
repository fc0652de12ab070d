//! The fingerprint of the finished file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::progress::{FinishingProgress, Stage};

/// Hashed in one go off the async threads; between two chunks the task can be cancelled.
const CHUNK: u64 = 8 << 20;

/// SHA-256 in lowercase hex, and the number of bytes that went into it.
pub(super) async fn sha256(
    file: &Path,
    progress: &FinishingProgress<'_>,
) -> std::io::Result<(String, u64)> {
    let path = file.to_owned();
    let total = tokio::fs::metadata(file).await?.len().max(1);
    let mut state = (None, Sha256::new());
    let mut size = 0;
    loop {
        let path = path.clone();
        let (file, hasher) = state;
        let hash_chunk = move || hash_chunk(file.map_or_else(|| File::open(path), Ok)?, hasher);
        let (file, hasher, read) =
            tokio::task::spawn_blocking(hash_chunk).await.map_err(std::io::Error::other)??;
        if read == 0 {
            return Ok((hex::encode(hasher.finalize()), size));
        }
        size += read;
        state = (Some(file), hasher);
        progress.report(Stage::Digest, share(size, total));
    }
}

fn hash_chunk(mut file: File, mut hasher: Sha256) -> std::io::Result<(File, Sha256, u64)> {
    let mut chunk = vec![0; 128 << 10];
    let mut total = 0;
    while total < CHUNK {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        total += read as u64;
    }
    Ok((file, hasher, total))
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
