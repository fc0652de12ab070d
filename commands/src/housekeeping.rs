//! Clears away what has served its time beside the log.

use crate::{CommandError, Commands};

/// What may go: ended sessions (their refresh tokens go along), counts of failed sign-ins, and
/// addresses that nobody has signed in from for long.
const STATEMENTS: [&str; 3] = [
    "DELETE FROM sessions WHERE coalesce(ended_at, expires_at) < now() - interval '1 day'",
    "DELETE FROM attempts WHERE until < now()",
    "DELETE FROM familiar_addresses WHERE seen_at < now() - interval '90 days'",
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
