//! Clears away what has served its time beside the log.

use crate::{CommandError, Commands};

/// What may go: ended sessions (their refresh tokens go along), and counts of failed sign-ins.
const STATEMENTS: [&str; 2] = [
    "DELETE FROM sessions WHERE coalesce(ended_at, expires_at) < now() - interval '1 day'",
    "DELETE FROM attempts WHERE window_end < now()",
];

impl Commands {
    /// Removes expired keys, sessions and counts. Any number of processes may do so.
    pub async fn clear_expired(&self) -> Result<(), CommandError> {
        self.idempotency().clear_expired().await?;
        for statement in STATEMENTS {
            sqlx::query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }
}
