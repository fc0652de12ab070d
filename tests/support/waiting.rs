//! Waiting for what happens by itself.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Far more than anything takes: it bounds a test that fails, and slows none that passes.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
