//! Encrypted payloads are taken once, by whichever replica.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use pool::PgPool;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::store::StoreError;
use crate::{CommandError, Commands};

/// Names in one statement at most.
const BATCH: usize = 256;
/// Requests that wait for theirs to be taken; more are refused.
const QUEUE: usize = 4_096;

/// How long a statement may take: everybody else waits for it.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes the `jti` of payloads, those that come at the same time in one statement: each commit waits for
/// the disk.
#[derive(Clone)]
pub(crate) struct Nonces(mpsc::Sender<Waiting>);

struct Waiting {
    digest: String,
    reply: oneshot::Sender<Result<bool, CommandError>>,
}

impl Nonces {
    /// Starts what takes them; it ends when the last clone is dropped.
    pub(crate) fn new(pool: PgPool) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool, queue));
        Self(sender)
    }

    async fn take(&self, digest: String) -> Result<bool, CommandError> {
        let (reply, taken) = oneshot::channel();
        self.0.try_send(Waiting { digest, reply }).map_err(|_| CommandError::Busy)?;
        taken.await.map_err(CommandError::fault)?
    }
}

async fn run(pool: PgPool, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut outcome = take_all(&pool, &batch).await;
        for Waiting { digest, reply } in batch.drain(..) {
            let answer = match &mut outcome {
                // Of two with the same name the first one takes it.
                Ok(taken) => Ok(taken.remove(&digest)),
                Err(error) => Err(StoreError::shared(error).into()),
            };
            // A request that is gone needs no answer.
            let _gone = reply.send(answer);
        }
    }
}

/// Those that were not taken before. In order, so that two processes never wait for each other.
async fn take_all(pool: &PgPool, batch: &[Waiting]) -> Result<HashSet<String>, sqlx::Error> {
    let mut digests: Vec<_> = batch.iter().map(|waiting| waiting.digest.as_str()).collect();
    digests.sort_unstable();
    digests.dedup();
    let insert = sqlx::query_scalar(
        "INSERT INTO payload_nonces (jti, expires_at)
         SELECT jti, now() + interval '10 minutes' FROM unnest($1::text[]) AS jti
         ON CONFLICT (jti) DO NOTHING RETURNING jti",
    );
    let mut conn = pool.acquire().await?;
    let taken = timeout(STATEMENT_TIMEOUT, insert.bind(digests).fetch_all(&mut *conn)).await;
    let taken: Vec<String> = taken.unwrap_or_else(|_| {
        // What hangs is closed, lest the next one waits for it too.
        drop(conn.detach());
        Err(sqlx::Error::PoolTimedOut)
    })?;
    Ok(taken.into_iter().collect())
}

impl Commands {
    /// Takes a payload's `jti`; `false` where it was taken before. It stays taken for longer than
    /// a payload of any age that is accepted, and for longer than clocks differ.
    pub async fn take_payload_nonce(&self, jti: &str) -> Result<bool, CommandError> {
        // Clients choose these: a digest has a length that is known, and no letter too odd for text.
        let digest = BASE64.encode(Sha256::digest(jti.as_bytes()));
        self.parts.nonces.take(digest).await
    }
}
