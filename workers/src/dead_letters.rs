//! Events that a subscriber gave up on, for `vetted worker dead-letters`.

use pool::PgPool;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// An event that a subscriber gave up on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct DeadLetter {
    /// Names it for [`retry`].
    pub id: Uuid,
    /// Who gave up.
    pub subscriber: String,
    /// The event's place in the log.
    pub position: i64,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Tries before that.
    pub attempts: i32,
    /// Why the last one failed; no personal data.
    pub last_error: String,
    /// When it was given up.
    #[serde(with = "time::serde::rfc3339")]
    pub died_at: OffsetDateTime,
}

/// Those that nobody has retried, oldest first.
pub async fn dead_letters(pool: &PgPool) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, subscriber, position, event_id, event_type, attempts, last_error, died_at \
         FROM dead_letters WHERE retried_at IS NULL ORDER BY died_at, id",
    )
    .fetch_all(pool)
    .await
}

/// Has the subscriber try again, from the first try on; `false` where there is no such letter, or
/// somebody has retried it already. A worker takes it up within seconds.
pub async fn retry(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let retried = sqlx::query(
        "WITH letter AS (UPDATE dead_letters SET retried_at = now() \
         WHERE id = $1 AND retried_at IS NULL RETURNING subscriber, event_id, position) \
         INSERT INTO effects AS known (subscriber, event_id, position) \
         SELECT subscriber, event_id, position FROM letter \
         ON CONFLICT (subscriber, event_id) DO UPDATE \
         SET attempts = 0, fence = known.fence + 1, due_at = now(), handled_at = NULL",
    );
    Ok(retried.bind(id).execute(pool).await?.rows_affected() == 1)
}
