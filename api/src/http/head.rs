//! The head of a request: refused where HTTP does not allow it, or where it is larger than anybody needs.

use axum::extract::Request;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::http::host;
use crate::http::problem::Problem;

/// Bytes of a request's header fields. What is larger gets a problem, what is much larger the
/// protocol library's bare 431.
pub(crate) const LARGEST_HEADERS: usize = 32 * 1024;
/// Header fields of a request.
const MAX_FIELDS: usize = 100;

/// Refuses what HTTP does not allow, and header fields that are larger than anybody needs.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    host::check(request)?;
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let headers = request.headers();
    let is_large = headers.iter().map(size).sum::<usize>() > LARGEST_HEADERS;
    if is_large || headers.len() > MAX_FIELDS {
        return Err(Problem::of_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    Ok(())
}
