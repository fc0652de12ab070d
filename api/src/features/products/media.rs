//! A product's video and poster, for callers who are signed in or have a link, in whole or in ranges
//! (RFC 9110, 13 and 14), by this program or by the storage itself.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use commands::media as keys;
use domain::product::{FinishedVideo, ProcessingStatus};
use domain::{ProductId, UploadId};
use futures::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, LOCATION,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use identity::MediaKind;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use projections::{Products, RowVideo, Visibility};

use super::range::{RangeHeader, RequestedRange, asked_for, has};
use crate::App;
use crate::access::permission::{Needs, ReadProducts};
use crate::features::media_links::{AskedBy, Links, with_signature, wrong_link};
use crate::http::path::Id;
use crate::http::problem::Problem;

const POSTER_TYPE: &str = "image/jpeg";
/// How long an address at which storage itself gives a file out is good for: to begin with it.
const PRESIGNED: Duration = Duration::from_mins(1);
/// Who may see a file changes, so each use is asked for again; that costs a 304.
pub(super) const ASK_AGAIN: &str = "private, no-cache";

/// Something in storage, and how it is given out.
pub(super) struct File {
    pub path: Path,
    /// What it is called where it is saved: of letters, digits, hyphens and dots alone.
    pub name: String,
    pub content_type: String,
    /// Strong: other bytes have another one.
    pub etag: String,
    /// `None` where only storage knows.
    pub size: Option<u64>,
}

/// Who asks for a file, and how.
pub(crate) struct Asked {
    by: AskedBy,
    method: Method,
    headers: HeaderMap,
}

impl<S> FromRequestParts<S> for Asked
where
    App: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let by = AskedBy::from_request_parts(parts, state).await?;
        Ok(Self { by, method: parts.method.clone(), headers: parts.headers.clone() })
    }
}

/// Gets a product's video
///
/// For everybody who can see the product: with the header `Authorization`, or by the product's
/// `video_url`, which has a `signature` instead.
#[utoipa::path(get, path = "/products/{id}/video/", tag = "products", operation_id = "getProductVideo",
    params(("id" = ProductId, Path), RangeHeader),
    responses((status = 200, body = Vec<u8>, content_type = "video/*"), Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link", "range_not_satisfiable"]))))]
pub(crate) async fn video(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let (video, _) = asked.finished(&app, MediaKind::Video, id).await?;
    let path = Path::from(keys::video(video.upload, &video.content_type));
    let file = File {
        name: format!("video-{id}.{}", path.extension().unwrap_or("mp4")),
        path,
        etag: format!("\"{}\"", video.sha256),
        size: u64::try_from(video.size).ok(),
        content_type: video.content_type,
    };
    give(&app, file, &asked).await
}

/// Gets a picture of a product's video
///
/// For everybody who can see the product: with the header `Authorization`, or by the product's
/// `poster_url`, which has a `signature` instead.
#[utoipa::path(get, path = "/products/{id}/poster/", tag = "products", operation_id = "getProductPoster",
    params(("id" = ProductId, Path), RangeHeader),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link", "range_not_satisfiable"]))))]
pub(crate) async fn poster(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let (video, has_poster) = asked.finished(&app, MediaKind::Poster, id).await?;
    if !has_poster {
        return Err(Problem::not_found());
    }
    let path = Path::from(keys::poster(video.upload));
    let etag = format!("\"poster-{}\"", video.upload);
    give(&app, File::picture(path, format!("poster-{id}.jpg"), etag), &asked).await
}

impl File {
    /// A JPEG, as large as storage says.
    pub(super) fn picture(path: Path, name: String, etag: String) -> Self {
        Self { path, name, content_type: POSTER_TYPE.to_owned(), etag, size: None }
    }
}

/// Shown in the page; saved under that name (RFC 6266).
pub(super) fn disposition(name: &str) -> String {
    format!("inline; filename=\"{name}\"")
}

impl Asked {
    /// The product's video, if the caller may see it now. A link is good for one file, for as
    /// long as its holder's session lasts and their role of now may see the product.
    pub(super) async fn finished(
        &self,
        app: &App,
        kind: MediaKind,
        id: ProductId,
    ) -> Result<(FinishedVideo, bool), Problem> {
        let (caller, upload) = match &self.by {
            AskedBy::SignedIn(caller) => (caller.clone(), None),
            AskedBy::Link(signature, caller) => {
                let link = app.commands.read_media_link(kind, id, signature);
                let link = link.ok_or_else(wrong_link)?;
                let role = app.commands.role_of_holder(link.holder).await?;
                let role = role.ok_or_else(Problem::not_found)?;
                (caller.clone().held_by(link.holder, role), Some(link.upload))
            }
        };
        let products = Products(app.pool.clone());
        let view = products.find(Visibility::of(caller.actor), id).await?;
        let row = view.ok_or_else(Problem::not_found)?.row;
        let is_meant = |video: &FinishedVideo| upload.is_none_or(|upload| upload == video.upload);
        match row.video.map(|video| video.0) {
            Some(RowVideo::Finished(video))
                if row.processing_status == ProcessingStatus::Ready && is_meant(&video) =>
            {
                Ok((video, row.has_poster))
            }
            Some(RowVideo::Finished(_) | RowVideo::Uploaded(_)) | None => Err(Problem::not_found()),
        }
    }

    /// The address of another file of the same product, for the same caller.
    pub(super) fn link(
        &self,
        app: &App,
        path: &str,
        (kind, product, upload): (MediaKind, ProductId, UploadId),
    ) -> String {
        match &self.by {
            AskedBy::SignedIn(caller) => {
                Links::of(app, caller).signed(path.to_owned(), kind, product, upload)
            }
            AskedBy::Link(signature, _) => with_signature(path, signature),
        }
    }
}

/// The file, or what the client asked of it.
pub(super) async fn give(app: &App, file: File, asked: &Asked) -> Result<Response, Problem> {
    let mut answer = HeaderMap::new();
    insert(&mut answer, ETAG, &file.etag);
    insert(&mut answer, CACHE_CONTROL, ASK_AGAIN);
    if has(&asked.headers, &file.etag) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    if let Some(signer) = &app.presigner {
        return redirect_to_bucket(&**signer, &file, &asked.method).await;
    }
    let size = match file.size {
        Some(size) => size,
        None => app.media.head(&file.path).await.map_err(unavailable)?.size,
    };
    insert(&mut answer, ACCEPT_RANGES, "bytes");
    let (status, range) = match asked_for(&asked.method, &asked.headers, &file.etag, size) {
        RequestedRange::Whole => (StatusCode::OK, 0..size),
        RequestedRange::Range(range) => {
            (StatusCode::PARTIAL_CONTENT, *range.start()..*range.end() + 1)
        }
        RequestedRange::Unsatisfiable => {
            let size = HeaderValue::try_from(format!("bytes */{size}"));
            let problem = Problem::of_status(StatusCode::RANGE_NOT_SATISFIABLE);
            return Err(
                size.map_or(problem.clone(), |size| problem.with_header(CONTENT_RANGE, size))
            );
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        insert(&mut answer, CONTENT_RANGE, &text);
    }
    insert(&mut answer, CONTENT_TYPE, &file.content_type);
    insert(&mut answer, CONTENT_DISPOSITION, &disposition(&file.name));
    insert(&mut answer, CONTENT_LENGTH, &(range.end - range.start).to_string());
    if asked.method == Method::HEAD || range.is_empty() {
        return Ok((status, answer).into_response());
    }
    let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
    let object = app.media.get_opts(&file.path, options).await.map_err(unavailable)?;
    let bytes = object.into_stream().inspect_err(|error| tracing::warn!("a file was cut: {error}"));
    Ok((status, answer, Body::from_stream(bytes)).into_response())
}

/// Sends the client to the storage, which knows ranges too. It may give the file out for as long
/// as the address is good, so that is short, and the answer is kept by nobody.
async fn redirect_to_bucket(
    signer: &dyn Signer,
    file: &File,
    method: &Method,
) -> Result<Response, Problem> {
    let disposition = disposition(&file.name);
    let options = SignedUrlOptions::default().with_query([
        ("response-content-type", file.content_type.as_str()),
        ("response-content-disposition", disposition.as_str()),
        ("response-cache-control", ASK_AGAIN),
    ]);
    let url = signer.signed_url_opts(method.clone(), &file.path, PRESIGNED, &options).await;
    let url = url.map_err(|error| Problem::fault(&error))?;
    let mut answer = HeaderMap::new();
    insert(&mut answer, LOCATION, url.as_str());
    Ok((StatusCode::TEMPORARY_REDIRECT, answer).into_response())
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// A file that was replaced just now is gone; all else is our fault.
pub(super) fn unavailable(error: object_store::Error) -> Problem {
    match error {
        object_store::Error::NotFound { .. } => Problem::not_found(),
        error => Problem::fault(&error),
    }
}
