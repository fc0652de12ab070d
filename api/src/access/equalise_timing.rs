//! Answers that take equally long whatever is known of an address.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

/// More than the work for an unknown address differs from that for a known one.
const STEP: Duration = Duration::from_millis(50);

/// Holds the answer back until a whole number of steps has passed since the request came. What was
/// not looked at tells nothing, and is told at once.
pub(crate) async fn equalise_timing(request: Request, next: Next) -> Response {
    let came = Instant::now();
    let response = next.run(request).await;
    if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    {
        return response;
    }
    sleep_until(came + rounded_up(came.elapsed())).await;
    response
}

fn rounded_up(elapsed: Duration) -> Duration {
    let steps = elapsed.as_micros().div_ceil(STEP.as_micros());
    STEP * u32::try_from(steps).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_about_as_long_answers_at_the_same_moment() {
        let millis = |time| rounded_up(Duration::from_micros(time)).as_millis();
        assert_eq!(millis(300), 50);
        assert_eq!(millis(49_900), 50);
        assert_eq!(millis(50_100), 100);
    }
}
