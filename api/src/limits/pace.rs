//! How long the body of a request may take to arrive: the one rule for every route.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::class::Class;
use crate::http::policy::class_of;

/// What a client has to keep to. Only time counts in which the program waits for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How long the first byte may take, and every next one.
    silence: Duration,
    /// How long `quota` bytes may take, the next `quota` after those, and so on.
    window: Duration,
    /// `None` where all bytes have to come within the one window.
    quota: Option<u64>,
}

/// A body that is no upload: at most a megabyte or so.
const WHOLE: Pace =
    Pace { silence: Duration::from_secs(10), window: Duration::from_secs(30), quota: None };
/// An upload lasts for as long as it gets on.
const UPLOAD: Pace = Pace {
    silence: Duration::from_secs(30),
    window: Duration::from_mins(1),
    quota: Some(16 * 1024),
};

impl Pace {
    pub(crate) fn of(request: &Request) -> Self {
        match class_of(request) {
            Some(Class::Uploads) => UPLOAD,
            Some(Class::Reads | Class::Commands | Class::SignIns) | None => WHOLE,
        }
    }
}

/// Ends a body whose client is slower than its [`Pace`].
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct TooSlow;

/// A body that fails once its client has been too slow.
pub(crate) struct Paced {
    body: Body,
    pace: Pace,
    /// What is left of the window, and the bytes that came in it.
    left: Duration,
    came: u64,
    waiting: Option<Waiting>,
    too_slow: bool,
}

/// Since when the program has waited for the client, and until when it does.
struct Waiting {
    since: Instant,
    until: Pin<Box<Sleep>>,
}

impl Paced {
    pub(crate) const fn new(body: Body, pace: Pace) -> Self {
        Self { body, pace, left: pace.window, came: 0, waiting: None, too_slow: false }
    }

    /// Whether it has failed for that reason.
    pub(crate) const fn is_too_slow(&self) -> bool {
        self.too_slow
    }

    /// Bytes have come, or the end.
    fn note(&mut self, bytes: usize) {
        if bytes == 0 {
            // An empty frame is no progress.
            return;
        }
        if let Some(waiting) = self.waiting.take() {
            self.left = self.left.saturating_sub(waiting.since.elapsed());
        }
        self.came += bytes as u64;
        if self.pace.quota.is_some_and(|quota| self.came >= quota) {
            (self.left, self.came) = (self.pace.window, 0);
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<TooSlow> {
        let patience = self.pace.silence.min(self.left);
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            since: Instant::now(),
            until: Box::pin(sleep(patience)),
        });
        let waited = waiting.until.as_mut().poll(context).map(|()| TooSlow);
        self.too_slow = waited.is_ready();
        waited
    }
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.too_slow {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => {
                self.wait(context).map(|too_slow| Some(Err(axum::Error::new(too_slow))))
            }
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    self.note(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.too_slow || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;
    use tokio::time::sleep;

    use super::*;

    /// A pace a hundred times as fast.
    fn fast(pace: Pace) -> Pace {
        Pace { silence: pace.silence / 100, window: pace.window / 100, ..pace }
    }

    /// Chunks of that size, each after that time.
    fn body(size: usize, after: Duration, count: usize) -> Body {
        let chunks = stream::iter(0..count).then(move |_| async move {
            sleep(after).await;
            Ok::<_, Infallible>(Bytes::from(vec![0; size]))
        });
        Body::from_stream(chunks)
    }

    async fn arrives(pace: Pace, size: usize, milliseconds: u64, count: usize) -> bool {
        let body = body(size, Duration::from_millis(milliseconds), count);
        Paced::new(body, pace).collect().await.is_ok()
    }

    #[tokio::test]
    async fn a_body_that_is_no_upload_comes_without_pauses_and_within_its_window() {
        assert!(arrives(fast(WHOLE), 1, 50, 3).await);
        assert!(!arrives(fast(WHOLE), 1, 2000, 1).await);
        assert!(!arrives(fast(WHOLE), 100_000, 50, 10).await);
    }

    #[tokio::test]
    async fn an_upload_lasts_for_as_long_as_it_gets_on() {
        assert!(arrives(fast(UPLOAD), 16 * 1024, 100, 12).await);
        assert!(!arrives(fast(UPLOAD), 16 * 1024, 4000, 1).await);
        assert!(!arrives(fast(UPLOAD), 100, 50, 20).await);
    }

    #[tokio::test]
    async fn empty_frames_are_no_progress() {
        assert!(!arrives(fast(UPLOAD), 0, 50, 20).await);
    }

    #[tokio::test]
    async fn time_in_which_the_program_is_busy_does_not_count() {
        let mut body = Paced::new(body(1, Duration::from_millis(10), 4), fast(WHOLE));

        while let Some(frame) = body.frame().await {
            frame.unwrap();
            sleep(fast(WHOLE).window).await;
        }

        assert!(!body.is_too_slow());
    }
}
