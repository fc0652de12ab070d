//! An answer that comes before its request was read to the end: the rest is read and dropped, so
//! that whoever still sends sees the answer rather than a broken connection (RFC 9112, 9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::timeout;

/// More than this is not read for politeness.
const LARGEST_REST: u64 = 4_000_000;
const PATIENCE: Duration = Duration::from_secs(2);

/// A body that stays at hand when whoever reads it goes away.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

/// Reads what a refused request still sends.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    // Whoever waits for a 100 has not sent anything yet.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body)));
    let request = Request::from_parts(parts, Body::new(shared.clone()));
    let response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        let _too_slow = timeout(PATIENCE, read_on(shared)).await;
    }
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
    fn with<T>(&self, ask: impl FnOnce(&mut Body) -> T) -> T {
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
