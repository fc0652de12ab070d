//! Keeps the session check, and what is remembered of accounts, up to date with what other
//! processes write to the log.

use std::time::Duration;

use domain::user::UserEvent;
use domain::{Event, StreamType, UserId};
use identity::ACCESS_LIFETIME;
use tokio_util::sync::CancellationToken;

use crate::{CommandError, Commands};

/// How often the log is asked: what ends a session counts everywhere within a second.
const POLL: Duration = Duration::from_millis(300);
/// How often the log is asked where somebody waits for news of it.
const WATCHED_POLL: Duration = Duration::from_millis(100);
/// Wakes those who wait after a commit of this process.
const SOON: Duration = Duration::from_millis(15);
/// Events of one read.
const BATCH: i64 = 1_000;

/// Reads the log for what ends sessions.
pub struct SessionFollower {
    commands: Commands,
    after: i64,
}

impl Commands {
    /// Brings the session check up to date, so that no token comes back to life with a restart;
    /// [`SessionFollower::run`] then keeps it so.
    pub async fn follow_sessions(&self) -> Result<SessionFollower, CommandError> {
        // Where the log was when the oldest token that still counts was issued.
        let oldest = ACCESS_LIFETIME + Duration::from_mins(1);
        let after = log::last_before(&self.parts.pool, oldest).await?;
        self.parts.followed.send_replace(after);
        let mut follower = SessionFollower { commands: self.clone(), after };
        while follower.read().await? {}
        Ok(follower)
    }
}

impl SessionFollower {
    /// Follows the log until told to end.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut committed = self.commands.committed();
        loop {
            let awaited = self.commands.parts.followed.receiver_count() > 0;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(if awaited { WATCHED_POLL } else { POLL }) => {}
                Ok(()) = committed.changed(), if awaited => tokio::time::sleep(SOON).await,
            }
            self.commands.parts.identity.keyring().reloaded();
            if let Err(error) = self.read().await {
                tracing::warn!("the session check is behind: {error}");
            }
        }
    }

    /// Reads a batch; whether there may be more.
    async fn read(&mut self) -> Result<bool, CommandError> {
        let mut conn = self.commands.parts.pool.acquire().await?;
        let head = log::head(&mut conn).await?;
        if head <= self.after {
            return Ok(false);
        }
        let part = (self.after, head);
        let recorded = log::follow(&mut conn, StreamType::User, part, BATCH).await?;
        drop(conn);
        self.commands.parts.identity.revocations().note(&recorded);
        for event in &recorded {
            self.commands.parts.store.forget(event.stream);
            if matches!(event.event, Event::User(UserEvent::PersonErased)) {
                self.commands.vault().forget(UserId::from_uuid(event.stream.id));
            }
        }
        let is_full = i64::try_from(recorded.len()).unwrap_or(0) == BATCH;
        self.after = recorded.last().filter(|_| is_full).map_or(head, |last| last.position);
        self.commands.parts.followed.send_replace(self.after);
        Ok(is_full)
    }
}
