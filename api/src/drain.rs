//! The body of a request from the first byte to the last: it comes in time, or the answer is 408;
//! and where the answer comes first, the rest is read and dropped, so that a client that still
//! sends sees the answer rather than a broken connection (RFC 9112, 9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;

use crate::pace::{Pace, Paced};
use crate::problem::Problem;

/// More than this is not read for politeness.
const LARGEST_REST: u64 = 4_000_000;
const PATIENCE: Duration = Duration::from_secs(2);

/// A body that stays at hand when its reader goes away.
#[derive(Clone)]
struct Shared(Arc<Mutex<Paced>>);

/// Bounds how long a body may take, and reads what a refused request still sends.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // A client that waits for a 100 has not sent anything yet.
    let is_sending = !request.headers().contains_key(EXPECT);
    let pace = Pace::of(&request);
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(Paced::new(body, pace))));
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let response = next.run(request).await;
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    if shared.with(|body| body.is_too_slow()) {
        return too_slow(response);
    }
    if is_sending {
        let _too_slow = timeout(PATIENCE, read_on(shared)).await;
    }
    response
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
    while read < LARGEST_REST && body.size_hint().lower() < LARGEST_REST {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => return,
        }
    }
}

impl Shared {
    fn with<T>(&self, ask: impl FnOnce(&mut Paced) -> T) -> T {
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
        self.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
