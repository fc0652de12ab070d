//! Small pictures all along a product's video, for a player's bar.

use axum::extract::State;
use axum::response::Response;
use commands::{MediaKind, media as keys};
use domain::{ProductId, UploadId};
use object_store::path::Path;

use super::media::{Asked, File, give};
use crate::App;
use crate::openapi::Needs;
use crate::path::Id;
use crate::permission::ReadProducts;
use crate::problem::Problem;

/// Thumbnails of the video, up to 100 in one picture
///
/// `thumbnails.vtt` says which part of it stands for which time. A video that was finished before there
/// were thumbnails has none.
#[utoipa::path(get, path = "/products/{id}/sprite/", tag = "products", operation_id = "getProductSprite",
    params(("id" = ProductId, Path),
        ("signature" = Option<String>, Query, description = "As `poster_url` has it: stands for the header Authorization"),
        ("Range" = Option<String>, Header, description = "bytes=first-last")),
    responses((status = 200, content_type = "image/jpeg", description = "All of it"),
        (status = 206, content_type = "image/jpeg", description = "The range that was asked for"),
        (status = 304, description = "The client has it"),
        (status = 307, description = "Storage gives it out, at the address in Location, within a minute"),
        (status = 416, description = "The range lies outside", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        Needs<ReadProducts>))]
pub(crate) async fn sprite(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let upload = shown(&app, &asked, id).await?;
    beside(&app, (keys::sprite(upload), "image/jpeg", format!("\"sprite-{upload}\"")), &asked).await
}

/// Which part of the sprite stands for which time, as WebVTT
///
/// Each cue's text is an address relative to this one, with a media fragment: `sprite/#xywh=160,0,160,90`.
#[utoipa::path(get, path = "/products/{id}/thumbnails.vtt", tag = "products", operation_id = "getProductThumbnails",
    params(("id" = ProductId, Path),
        ("signature" = Option<String>, Query, description = "As `poster_url` has it: stands for the header Authorization"),
        ("Range" = Option<String>, Header, description = "bytes=first-last")),
    responses((status = 200, content_type = "text/vtt", description = "All of it"),
        (status = 206, content_type = "text/vtt", description = "The range that was asked for"),
        (status = 304, description = "The client has it"),
        (status = 307, description = "Storage gives it out, at the address in Location, within a minute"),
        (status = 416, description = "The range lies outside", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        Needs<ReadProducts>))]
pub(crate) async fn cues(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let upload = shown(&app, &asked, id).await?;
    let etag = format!("\"thumbnails-{upload}\"");
    beside(&app, (keys::thumbnails(upload), "text/vtt", etag), &asked).await
}

/// They go with the poster: its link opens them too.
async fn shown(app: &App, asked: &Asked, id: ProductId) -> Result<UploadId, Problem> {
    asked.finished(app, MediaKind::Poster, id).await.map(|(video, _)| video.upload)
}

/// A file that is known by its video's upload.
async fn beside(
    app: &App,
    (key, content_type, etag): (String, &str, String),
    asked: &Asked,
) -> Result<Response, Problem> {
    let path = Path::from(key);
    give(app, File { path, content_type: content_type.to_owned(), etag, size: None }, asked).await
}
