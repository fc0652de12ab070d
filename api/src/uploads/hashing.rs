//! The hash of what arrives, computed while more of it does.

use std::mem;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::task::AbortOnDropHandle;

/// Bytes that are worth a task.
const BATCH: usize = 1 << 20;

/// A SHA-256 in the making.
pub(super) struct Hashing {
    state: State,
    /// Bytes that come next.
    waiting: Vec<Bytes>,
    size: usize,
}

enum State {
    Here(Sha256),
    /// In a task that takes bytes in.
    Away(AbortOnDropHandle<Sha256>),
}

impl Hashing {
    /// Goes on from there.
    pub(super) const fn from(hash: Sha256) -> Self {
        Self { state: State::Here(hash), waiting: Vec::new(), size: 0 }
    }

    /// Takes bytes, and waits for those of an earlier batch that are not hashed yet.
    pub(super) async fn add(&mut self, bytes: Bytes) -> Result<(), JoinError> {
        self.size += bytes.len();
        self.waiting.push(bytes);
        if self.size < BATCH {
            return Ok(());
        }
        let mut hash = self.settled().await?;
        let batch = self.batch();
        self.state = State::Away(AbortOnDropHandle::new(spawn_blocking(move || {
            update(&mut hash, &batch);
            hash
        })));
        Ok(())
    }

    /// The hash of all bytes by now.
    pub(super) async fn now(&mut self) -> Result<Sha256, JoinError> {
        let mut hash = self.settled().await?;
        update(&mut hash, &self.batch());
        self.state = State::Here(hash.clone());
        Ok(hash)
    }

    async fn settled(&mut self) -> Result<Sha256, JoinError> {
        match &mut self.state {
            State::Here(hash) => Ok(hash.clone()),
            State::Away(task) => task.await,
        }
    }

    fn batch(&mut self) -> Vec<Bytes> {
        self.size = 0;
        mem::take(&mut self.waiting)
    }
}

fn update(hash: &mut Sha256, batch: &[Bytes]) {
    for bytes in batch {
        hash.update(bytes);
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
                assert_eq!(hashing.now().await.unwrap().finalize(), Sha256::digest(by_now));
            }
        }
        assert_eq!(hashing.now().await.unwrap().finalize(), Sha256::digest(&bytes));
    }
}
