//! A resource as an answer.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::Resource;
use crate::http::conditional::IfNoneMatch;
use crate::http::problem::Problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer that is one resource, with its version as `ETag`.
pub(crate) struct Versioned<T> {
    status: StatusCode,
    location: Option<String>,
    resource: T,
}

impl<T: Resource> Versioned<T> {
    /// 200.
    pub(crate) const fn ok(resource: T) -> Self {
        Self { status: StatusCode::OK, location: None, resource }
    }

    /// 201, with where it is.
    pub(crate) fn created(resource: T) -> Self {
        let location = Some(resource.location());
        Self { status: StatusCode::CREATED, location, resource }
    }

    /// 304 where the client has these very bytes.
    pub(crate) fn or_not_modified(self, had: &IfNoneMatch) -> Response {
        let body = match body(&self.resource) {
            Ok(body) => body,
            Err(problem) => return problem.into_response(),
        };
        let tag = tag(&self.resource, &body);
        if had.names(&tag) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, quoted(&tag))]).into_response();
        }
        self.answer(&tag, body)
    }

    fn answer(self, tag: &str, body: Vec<u8>) -> Response {
        let headers = [(ETAG, quoted(tag)), (CONTENT_TYPE, JSON)];
        let mut response = (self.status, headers, body).into_response();
        if let Some(location) = self.location.and_then(|path| HeaderValue::try_from(path).ok()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

impl<T: Resource> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        match body(&self.resource) {
            Ok(body) => {
                let tag = tag(&self.resource, &body);
                self.answer(&tag, body)
            }
            Err(problem) => problem.into_response(),
        }
    }
}

fn body(resource: &impl Resource) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(resource).map_err(|error| Problem::fault(&error))
}

/// The version, and a digest of the representation where that does not hang on the version alone.
fn tag(resource: &impl Resource, body: &[u8]) -> String {
    let version = resource.version();
    if resource.stands_alone() {
        return version.to_string();
    }
    format!("{version}-{}", hex::encode(&Sha256::digest(body)[..8]))
}

fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
