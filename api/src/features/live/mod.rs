//! `/live/` and `/products/{id}/live/`: what happens to products, as it happens (server-sent
//! events, HTML Living Standard, 9.2).
//!
//! The hub (`hub/`) hands what happened to the readers whom it concerns; `reader.rs` is one stream, from where
//! the client left off; `event.rs` says what is sent, and `watcher.rs` who may watch.

mod event;
mod reader;
mod resume;
mod watcher;

use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::ProductId;
use domain::product::ProductStatus;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use projections::{Page, ProductFilter, Products, Scope, Visibility};
use url::Url;

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Needs, ReadProducts};
use crate::features::media_links::{Links, SIGNATURE};
use crate::http::host::LinkBase;
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::payload::Recipient;
use crate::http::problem::Problem;
use crate::http::query::Params;
pub(crate) use event::LiveEvent;
use reader::Reader;
use resume::{LastEventId, Start};
use watcher::Watcher;

/// How often a stream says that it is alive: proxies cut what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Products of a stream's first event.
const SHOWN: i64 = 100;

/// Streams the events of a product
///
/// `snapshot` comes first, unless the stream is resumed by `Last-Event-ID`. `gone` ends the stream,
/// as does the end of the access token or of the link. A browser's `EventSource` opens the
/// product's `live_url`, since it can't send the header `Authorization`.
#[utoipa::path(get, path = "/products/{id}/live/", tag = "products", operation_id = "watchProduct",
    params(("id" = ProductId, Path),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client has: the stream resumes after it")),
    responses((status = 200, content_type = "text/event-stream", body = LiveEvent,
        description = "Server-sent events; the `data` of each is a JSON object of this schema"),
        Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link", "not_found", "too_many_streams"]))))]
pub(crate) async fn product(
    watcher: Watcher,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    params: Params,
    LastEventId(last): LastEventId,
    recipient: Recipient,
) -> Result<Response, Problem> {
    without_signature(params)?;
    let caller = watcher.admitted(&app, Some(id)).await?;
    let mut reader = Reader::admitted(&app, &caller, Scope::One(id), recipient)?;
    // Visibility is checked before anything else, resumed or not.
    let found = Products(app.pool.clone()).find_at(Visibility::of(caller.actor), id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    match resume::start(&app, last, reader.caught_up(), &Scope::One(id)).await? {
        Start::Afresh => {
            let shown = Links::of(&app, &caller).show(found.view);
            reader.begin(found.head, List { next: None, previous: None, results: vec![shown] });
        }
        Start::After(position) => reader.resume(position),
        Start::Lost(head) => reader.lost(head),
    }
    Ok(streamed(reader))
}

/// Streams the events of your products, or of all products
///
/// An END_USER gets the events of their own products, everybody else those of all products.
/// `snapshot` comes first, unless the stream is resumed by `Last-Event-ID`: the newest 100 of your
/// own products, or of those that wait for review. A browser's `EventSource` opens the `live_url`
/// of `GET /me/`.
#[utoipa::path(get, path = "/live/", tag = "products", operation_id = "watchProducts",
    params(("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client has: the stream resumes after it")),
    responses((status = 200, content_type = "text/event-stream", body = LiveEvent,
        description = "Server-sent events; the `data` of each is a JSON object of this schema"),
        Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link", "not_found", "too_many_streams"]))))]
pub(crate) async fn all(
    watcher: Watcher,
    State(app): State<App>,
    params: Params,
    LastEventId(last): LastEventId,
    recipient: Recipient,
    LinkBase(base): LinkBase,
) -> Result<Response, Problem> {
    without_signature(params)?;
    let caller = watcher.admitted(&app, None).await?;
    let scope = scope_of(&caller);
    let mut reader = Reader::admitted(&app, &caller, scope, recipient)?;
    match resume::start(&app, last, reader.caught_up(), &scope).await? {
        Start::Afresh => {
            let (position, shown) = snapshot(&app, &caller, base).await?;
            reader.begin(position, shown);
        }
        Start::After(position) => reader.resume(position),
        Start::Lost(head) => reader.lost(head),
    }
    Ok(streamed(reader))
}

/// Refuses unknown parameters; who asks is judged apart.
fn without_signature(mut params: Params) -> Result<(), Problem> {
    params.text(SIGNATURE);
    Ok(params.finish()?)
}

fn scope_of(caller: &Caller) -> Scope {
    if caller.actor.sees_everything() { Scope::All } else { Scope::OwnedBy(caller.user) }
}

/// The list that the caller would have got at one moment, and where the log was then.
async fn snapshot(
    app: &App,
    caller: &Caller,
    base: Url,
) -> Result<(i64, List<projections::Product>), Problem> {
    let (filter, query) = if caller.actor.sees_everything() {
        let waiting = ProductFilter { status: Some(ProductStatus::Pending), ..Default::default() };
        (waiting, "status=PENDING")
    } else {
        let own = ProductFilter { uploaded_by: Some(caller.user), ..Default::default() };
        (own, "uploaded_by=me")
    };
    let (products, visibility) = (Products(app.pool.clone()), Visibility::of(caller.actor));
    let page = Page { limit: SHOWN, cursor: None };
    // In a task of its own: a client that hangs up must not leave a transaction behind.
    let read = tokio::spawn(async move { products.list_at(visibility, &filter, &page).await });
    let (head, slice) = read.await.map_err(|error| Problem::fault(&error))??;
    let links = Links::of(app, caller);
    let here = Here::new(base, "/products/", &format!("{query}&limit={SHOWN}"));
    Ok((head, here.list(slice.map(|view| links.show(view)))))
}

/// An answer that goes on until its reader ends.
fn streamed(reader: Reader) -> Response {
    let events = Sse::new(reader.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = events.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
