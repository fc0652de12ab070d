//! `OPTIONS` on any path: 204 with `Allow`, or 404 where nothing is (RFC 9110, 9.3.7). What asks on
//! behalf of a page of another origin (a preflight) is answered by CORS.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN};
use http::{HeaderValue, Method, StatusCode};

/// Marks an `OPTIONS` on its way through CORS, which would answer it for every path.
#[derive(Clone, Copy)]
struct AsksForOptions;

/// Before CORS: what is no preflight passes as if it were a GET.
pub(crate) fn hide(mut request: Request) -> Request {
    if *request.method() == Method::OPTIONS && !is_preflight(&request) {
        *request.method_mut() = Method::GET;
        request.extensions_mut().insert(AsksForOptions);
    }
    request
}

/// After CORS: what [`hide`] has hidden.
pub(crate) fn restore(mut request: Request) -> Request {
    if request.extensions_mut().remove::<AsksForOptions>().is_some() {
        *request.method_mut() = Method::OPTIONS;
    }
    request
}

/// Around the router: a path that takes other methods names them, and `OPTIONS` with them. `*` is the
/// server itself.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    let asks = *request.method() == Method::OPTIONS;
    if asks && request.uri().path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut response = next.run(request).await;
    let refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let Some(allow) = response.headers().get(ALLOW).filter(|_| refused).map(with_options) else {
        return response;
    };
    if asks {
        return (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response();
    }
    response.headers_mut().insert(ALLOW, allow);
    response
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn with_options(allow: &HeaderValue) -> HeaderValue {
    if allow.to_str().is_ok_and(|methods| methods.contains("OPTIONS")) {
        return allow.clone();
    }
    let mut methods = allow.as_bytes().to_vec();
    methods.extend_from_slice(b",OPTIONS");
    HeaderValue::try_from(methods).unwrap_or_else(|_| allow.clone())
}
