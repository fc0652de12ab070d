//! The database's time, which all processes go by: a token, a link or a limit holds on each of them alike,
//! however wrong the clock of the machine is that made it.
//!
//! The time is that of the last comparison plus what this machine's monotonic clock has counted since, so a
//! machine whose clock is set meanwhile doesn't notice. Before the first comparison it is the machine's own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::{Duration as Span, Instant};

use pool::PgPool;
use time::{Duration, OffsetDateTime};

/// How often it is compared.
const EVERY: Span = Span::from_secs(10);
/// An answer that took longer tells too little.
const SLOW: Duration = Duration::seconds(1);
/// What is further off than that is corrected at once, and what is less by a quarter each time: an answer's
/// way back may take longer than the way there.
const SUDDEN: Duration = Duration::milliseconds(250);

/// When the monotonic clock is counted from, and what this machine's clock showed then.
static BEGAN: LazyLock<(Instant, OffsetDateTime)> =
    LazyLock::new(|| (Instant::now(), OffsetDateTime::now_utc()));
/// Microseconds that are added to that.
static CORRECTION: AtomicI64 = AtomicI64::new(0);
static IS_COMPARED: AtomicBool = AtomicBool::new(false);

/// The time.
pub fn now() -> OffsetDateTime {
    let (instant, at) = *BEGAN;
    at + instant.elapsed() + Duration::microseconds(CORRECTION.load(Relaxed))
}

/// The current time in seconds of the Unix epoch.
pub fn unix_now() -> i64 {
    now().unix_timestamp()
}

/// How far this machine's clock is ahead of the database's; negative where it is behind.
pub fn machine_is_ahead() -> Duration {
    OffsetDateTime::now_utc() - now()
}

/// Compares once.
///
/// # Errors
/// Where the database does not answer.
pub async fn compare(pool: &PgPool) -> Result<(), sqlx::Error> {
    let asked = now();
    let theirs: OffsetDateTime =
        sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?;
    let took = now() - asked;
    if took <= SLOW || !IS_COMPARED.load(Relaxed) {
        correct(theirs - (asked + took / 2));
    }
    Ok(())
}

fn correct(error: Duration) {
    let is_first = !IS_COMPARED.swap(true, Relaxed);
    let step = if is_first || error.abs() > SUDDEN { error } else { error / 4 };
    let micros = i64::try_from(step.whole_microseconds()).unwrap_or_default();
    CORRECTION.fetch_add(micros, Relaxed);
}

/// Compares again and again.
pub async fn follow(pool: PgPool) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = compare(&pool).await {
            tracing::debug!("the clock could not be compared with the database's: {error}");
        }
        metrics::gauge!("vetted_clock_ahead_seconds").set(machine_is_ahead().as_seconds_f64());
    }
}
