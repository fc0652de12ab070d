//! The body of a request from the first byte to the last: it comes in time, or the answer is 408.
//! Where the answer comes first, a short rest is read and dropped, so that the connection can be used
//! again; before a long one the answer says that the connection ends, and `server/lingering.rs`
//! closes it in stages (RFC 9112, 9.6). In HTTP/2 the rest is read after the answer: some clients
//! (curl 7) lose an answer whose stream is reset, even without an error (RFC 9113, 8.1).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;

use crate::http::problem::Problem;
use crate::limits::pace::{Pace, Paced};

/// What is read before the answer is sent, and for how long.
const SHORT_REST: u64 = 1_000_000;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(100);
/// What is read and dropped after the answer: bytes, time, and time in which nothing comes.
pub(crate) const MAX_REST: usize = 64 << 20;
pub(crate) const MAX_REST_TIME: Duration = Duration::from_secs(15);
pub(crate) const MAX_REST_SILENCE: Duration = Duration::from_secs(2);

/// A body that stays at hand when its reader goes away.
#[derive(Clone)]
struct Shared(Arc<Mutex<Arriving>>);

struct Arriving {
    body: Paced,
    /// A body without a declared length does not tell that it has ended but by this.
    has_ended: bool,
}

/// Bounds how long a body may take, and reads what a refused request still sends.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // A client that waits for a 100 has not sent anything yet.
    let is_sending = !request.headers().contains_key(EXPECT);
    let pace = Pace::of(&request);
    // Later versions end a stream, not the connection.
    let may_close = request.version() < Version::HTTP_2;
    let (parts, body) = request.into_parts();
    let shared = Shared::new(Paced::new(body, pace));
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let mut response = next.run(request).await;
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let is_late = shared.with(|arriving| arriving.body.is_too_slow());
    if is_error && is_late {
        response = too_slow(response);
    } else if is_sending || !is_error {
        let _too_slow = timeout(DRAIN_TIMEOUT, read_on(shared.clone())).await;
    }
    if !is_late && shared.is_end_stream() {
        return response;
    }
    if may_close {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    } else {
        tokio::spawn(timeout(MAX_REST_TIME, read_rest(shared)));
    }
    response
}

/// Reads what follows in a stream whose answer is given.
async fn read_rest(mut body: Shared) {
    let mut read = 0;
    while read < MAX_REST {
        match timeout(MAX_REST_SILENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => read += frame.data_ref().map_or(0, Bytes::len),
            Ok(Some(Err(_)) | None) | Err(_) => return,
        }
    }
}

/// What a route makes of a body that was cut is not what went wrong.
fn too_slow(mut response: Response) -> Response {
    let problem = Problem::of_status(StatusCode::REQUEST_TIMEOUT);
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    response.extensions_mut().insert(problem);
    response
}

async fn read_on(mut body: Shared) {
    let mut read = 0;
    while read < SHORT_REST && body.size_hint().lower() < SHORT_REST {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => return,
        }
    }
}

impl Shared {
    fn new(body: Paced) -> Self {
        Self(Arc::new(Mutex::new(Arriving { body, has_ended: false })))
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Arriving) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl hyper::body::Body for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|arriving| {
            let polled = Pin::new(&mut arriving.body).poll_frame(context);
            arriving.has_ended |= matches!(polled, Poll::Ready(None));
            polled
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|arriving| arriving.has_ended || arriving.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|arriving| arriving.body.size_hint())
    }
}
