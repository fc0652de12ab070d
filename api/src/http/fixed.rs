//! What stays the same while the program runs: the API's document, its viewer and plain pages. A
//! client keeps them and asks each time whether they have changed, by `ETag` (RFC 9110, 13).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};

use crate::http::conditional::IfNoneMatch;
use crate::http::problem::Problem;

/// May be stored, and is looked after before each use.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The tags of what was served, by path. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tags(Arc<Mutex<HashMap<String, String>>>);

impl Tags {
    fn known(&self, path: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// The tag of bytes that are served at a path.
    fn of(&self, path: String, bytes: &[u8]) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(path).or_insert_with(|| hex::encode(&Sha256::digest(bytes)[..12])).clone()
    }
}

/// Around static answers: 304 for clients that have them. An address with a query may hold the token of a
/// link in a mail, so nothing of it is stored.
pub(crate) async fn revalidate(
    State(tags): State<Tags>,
    had: IfNoneMatch,
    mut request: Request,
    next: Next,
) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read || request.uri().query().is_some() {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    if let Some(tag) = tags.known(&path).filter(|tag| had.names(tag)) {
        return tagged(StatusCode::NOT_MODIFIED.into_response(), &tag);
    }
    // The tag is of the body, which an answer to HEAD does not have; the connection leaves it out.
    *request.method_mut() = Method::GET;
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::fault(&error).into_response(),
    };
    let tag = tags.of(path, &bytes);
    if had.names(&tag) {
        return tagged(StatusCode::NOT_MODIFIED.into_response(), &tag);
    }
    tagged(Response::from_parts(parts, Body::from(bytes)), &tag)
}

fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
    response
}
