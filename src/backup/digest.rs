//! SHA-256 of what stands in files.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// Size and SHA-256, in hexadecimal, of a file.
pub(super) async fn of_file(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path).await?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        size += read as u64;
        hash.update(&buffer[..read]);
    }
}
