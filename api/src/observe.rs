//! Around every request: its name, its span, its metrics, and the form of its errors.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::SecurityEvent;
use futures::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use identity::JournalEntry;
use tracing::{Instrument, Span};

use crate::App;
use crate::access::bearer::Bearer;
use crate::http::forwarded::Client;
use crate::http::name::{AskedFor, REQUEST_ID, RequestName};
use crate::http::payload::{Recipient, sealed};
use crate::http::problem::{Problem, render};

/// Two years, so that no browser goes by plain HTTP (RFC 6797).
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");
/// What a page without a policy of its own may load (CSP 3).
const PAGES: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
    base-uri 'none'; frame-ancestors 'none'";
/// What is no page loads nothing.
const DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// The outermost layer: what comes from within is answered in one form, panics included, and
/// encrypted for a client that asked for it.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let RequestName(name) = RequestName::of(request.headers());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let verb = known(&method);
    request.extensions_mut().insert(RequestName(name.clone()));
    request.extensions_mut().insert(AskedFor(path.clone()));
    let client = Client::of(request.extensions(), request.headers(), &app.settings.trusted_proxies);
    request.extensions_mut().insert(client);
    let recipient = Recipient::of(request.headers());
    request.extensions_mut().insert(recipient.clone());
    let bearer = Bearer::of(request.headers());
    request.extensions_mut().insert(bearer.clone());
    let started = Instant::now();
    let span = tracing::info_span!(
        "request",
        request_id = %name,
        method = verb,
        client = %client.region(),
        route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty
    );
    let answered = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind();
    let response = answered.await.unwrap_or_else(|_| {
        span.in_scope(|| tracing::error!("a request panicked"));
        Problem::internal().into_response()
    });
    note_refusal(&app, &response, &bearer, client, &name);
    let response = render(response, &path);
    let sealing = sealed(&recipient, &method, &path, response).instrument(span.clone());
    let mut response = sealing.await;
    let route = response.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    span.record("route", &route);
    let status = response.status();
    span.in_scope(|| tracing::debug!(status = status.as_u16(), "answered"));
    // After the last line of the log that is about it: that has the same in other words.
    span.record("http.response.status_code", status.as_u16());
    measure(verb, route, status, started);
    finish(&app, response.headers_mut(), &name);
    response
}

/// A refusal in the same form, of a request that no layer has seen.
pub(crate) fn refuse(app: &App, request: &Request, refusal: Response) -> Response {
    let RequestName(name) = RequestName::of(request.headers());
    let mut response = render(refusal, request.uri().path());
    finish(app, response.headers_mut(), &name);
    response
}

/// Tells the journal of a request that was refused for who sent it, or for how often they did.
fn note_refusal(app: &App, response: &Response, bearer: &Bearer, client: Client, name: &str) {
    let event = match response.status().as_u16() {
        401 | 403 => SecurityEvent::AuthorizationRefused,
        429 => SecurityEvent::Throttled,
        _ => return,
    };
    let code = response.extensions().get::<Problem>().map(Problem::code);
    if code.is_some_and(is_told_by_the_act) {
        return;
    }
    let standing = bearer.standing(&app.commands).ok().flatten();
    JournalEntry {
        user: standing.map(|standing| standing.who.user),
        session: standing.map(|standing| standing.who.session),
        client: Some(&client.region().to_string()),
        detail: code,
        ..JournalEntry::new(event, name)
    }
    .write();
}

/// What `commands` has told the journal with more words.
fn is_told_by_the_act(code: &str) -> bool {
    matches!(
        code,
        "invalid_credentials" | "second_factor_required" | "invalid_second_factor" | "token_reused"
    )
}

/// Tells [`observe`] which route was taken; goes around each route.
pub(crate) async fn note_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = span_of(known(request.method()), route.as_ref());
    let mut response = next.run(request).instrument(span).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Named as OpenTelemetry's semantic conventions for HTTP name it.
fn span_of(method: &str, route: Option<&MatchedPath>) -> Span {
    let route = route.map_or("unmatched", MatchedPath::as_str);
    tracing::debug_span!("route", otel.name = format!("{method} {route}"), otel.kind = "server")
}

/// Of others there are as many as clients make up.
const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn measure(method: &'static str, route: String, status: StatusCode, started: Instant) {
    let status = status.as_u16().to_string();
    metrics::counter!("vetted_http_requests_total", "method" => method, "path" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("vetted_http_request_duration_seconds", "method" => method, "path" => route)
        .record(started.elapsed().as_secs_f64());
}

fn finish(app: &App, headers: &mut HeaderMap, name: &str) {
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(REQUEST_ID, name);
    }
    name_charset(headers);
    let html =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = HeaderValue::from_static(if html { PAGES } else { DATA });
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.settings.public_url.scheme() == "https" {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
}

/// All text is UTF-8, and says so where its type can: whatever made it, the files of `/docs/` too.
fn name_charset(headers: &mut HeaderMap) {
    let utf8 = match headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(b"text/html") => "text/html; charset=utf-8",
        Some(b"text/css") => "text/css; charset=utf-8",
        Some(b"text/javascript" | b"application/javascript") => "text/javascript; charset=utf-8",
        Some(b"text/plain") => "text/plain; charset=utf-8",
        Some(_) | None => return,
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(utf8));
}
