//! The hash of what arrives, computed while more of it does.

use std::mem;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

/// Bytes that are worth waking a thread for.
const BATCH: usize = 1 << 20;
/// Batches that wait at most.
const WAITING: usize = 3;

/// A SHA-256 in the making, on a thread of its own: a new one for each batch costs time.
pub(crate) struct Hashing {
    work: mpsc::Sender<Work>,
    /// Bytes that come next.
    batch: Vec<Bytes>,
    size: usize,
}

enum Work {
    Add(Vec<Bytes>),
    Tell(oneshot::Sender<Sha256>),
}

/// The program ends, or has a fault.
#[derive(Debug, thiserror::Error)]
#[error("a hash was not computed to its end")]
pub(crate) struct HashingFailed;

impl Hashing {
    /// Goes on from there.
    pub(crate) fn from(mut hash: Sha256) -> Self {
        let (work, mut waiting) = mpsc::channel(WAITING);
        spawn_blocking(move || {
            while let Some(work) = waiting.blocking_recv() {
                match work {
                    Work::Add(batch) => batch.iter().for_each(|bytes| hash.update(bytes)),
                    Work::Tell(asked) => {
                        // Who is gone needs no answer.
                        let _ = asked.send(hash.clone());
                    }
                }
            }
        });
        Self { work, batch: Vec::new(), size: 0 }
    }

    /// Takes bytes, and waits while too many are not hashed yet.
    pub(crate) async fn add(&mut self, bytes: Bytes) -> Result<(), HashingFailed> {
        self.size += bytes.len();
        self.batch.push(bytes);
        if self.size < BATCH {
            return Ok(());
        }
        self.hand_over().await
    }

    /// Where the hash of all bytes by now will be told.
    pub(crate) async fn now(&mut self) -> Result<oneshot::Receiver<Sha256>, HashingFailed> {
        self.hand_over().await?;
        let (tell, told) = oneshot::channel();
        self.work.send(Work::Tell(tell)).await.map_err(|_| HashingFailed)?;
        Ok(told)
    }

    async fn hand_over(&mut self) -> Result<(), HashingFailed> {
        self.size = 0;
        let batch = mem::take(&mut self.batch);
        self.work.send(Work::Add(batch)).await.map_err(|_| HashingFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn batches_are_hashed_in_their_order() {
        let bytes: Vec<u8> = (0..=250).cycle().take(5 * BATCH + 7).collect();
        let mut hashing = Hashing::from(Sha256::new());
        for (at, piece) in bytes.chunks(300_000).enumerate() {
            hashing.add(Bytes::copy_from_slice(piece)).await.unwrap();
            if at == 9 {
                let by_now = &bytes[..10 * 300_000];
                assert_eq!(
                    hashing.now().await.unwrap().await.unwrap().finalize(),
                    Sha256::digest(by_now)
                );
            }
        }
        assert_eq!(hashing.now().await.unwrap().await.unwrap().finalize(), Sha256::digest(&bytes));
    }
}
