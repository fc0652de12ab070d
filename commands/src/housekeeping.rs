//! Clears away what has served its time beside the log.

use crate::{CommandError, Commands};

/// What may go: ended sessions (their refresh tokens go along), counts of failed sign-ins,
/// addresses that nobody has signed in from for long, sign-ins of 90 days ago, and the names of payloads that are too old
/// to come again.
const STATEMENTS: [&str; 5] = [
    "DELETE FROM sessions WHERE coalesce(ended_at, expires_at) < now() - interval '1 day'",
    "DELETE FROM attempts WHERE until < now()",
    "DELETE FROM familiar_addresses WHERE seen_at < now() - interval '90 days'",
    "DELETE FROM sign_ins WHERE at < now() - interval '90 days'",
    "DELETE FROM payload_nonces WHERE expires_at < now()",
];

impl Commands {
    /// Removes expired keys, sessions, counts and nonces. Any number of processes may do so.
    pub async fn clear_expired(&self) -> Result<(), CommandError> {
        self.idempotency().clear_expired().await?;
        for statement in STATEMENTS {
            sqlx::query(statement).execute(&self.parts.pool).await?;
        }
        Ok(())
    }
}
