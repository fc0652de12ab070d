//! Failed sign-ins, counted in PostgreSQL so that replicas share the count.

use std::time::Duration;

use sqlx::PgPool;

use crate::CommandError;

/// Failures that a subject may have within a window, and the window in seconds.
const WINDOW_SECONDS: f64 = 300.0;

/// Refuses where a subject has failed too often.
pub(super) async fn check(pool: &PgPool, subject: &str, limit: i32) -> Result<(), CommandError> {
    let left: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM window_end - now())::float8 FROM attempts
         WHERE subject = $1 AND failures >= $2 AND window_end > now()",
    )
    .bind(subject)
    .bind(limit)
    .fetch_optional(pool)
    .await?;
    match left {
        Some(seconds) => Err(CommandError::TooManyAttempts {
            retry_after: Duration::from_secs_f64(seconds.max(1.0)),
        }),
        None => Ok(()),
    }
}

/// Counts a failure.
pub(super) async fn failed(pool: &PgPool, subject: &str) -> Result<(), CommandError> {
    sqlx::query(
        "INSERT INTO attempts AS had (subject, window_end, failures)
         VALUES ($1, now() + make_interval(secs => $2), 1)
         ON CONFLICT (subject) DO UPDATE SET
            failures = CASE WHEN had.window_end > now() THEN had.failures + 1 ELSE 1 END,
            window_end = CASE WHEN had.window_end > now() THEN had.window_end
                              ELSE excluded.window_end END",
    )
    .bind(subject)
    .bind(WINDOW_SECONDS)
    .execute(pool)
    .await?;
    Ok(())
}
