//! Small pictures all along a product's video, for a player's bar.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::{MediaKind, media as keys};
use domain::{ProductId, UploadId};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::media::{ASK_AGAIN, Asked, File, disposition, give, unavailable};
use crate::App;
use crate::openapi::Needs;
use crate::path::Id;
use crate::permission::ReadProducts;
use crate::problem::Problem;

/// Where the cues say the pictures are.
const SPRITE: &str = "sprite/";

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
    let (path, etag) = (Path::from(keys::sprite(upload)), format!("\"sprite-{upload}\""));
    give(&app, File::picture(path, format!("sprite-{id}.jpg"), etag), &asked).await
}

/// Which part of the sprite stands for which time, as WebVTT
///
/// Each cue's text is an address relative to this one, with a link's signature, since players fetch it without the
/// header Authorization, and a media fragment: `sprite/?signature=…#xywh=160,0,160,90`.
#[utoipa::path(get, path = "/products/{id}/thumbnails.vtt", tag = "products", operation_id = "getProductThumbnails",
    params(("id" = ProductId, Path),
        ("signature" = Option<String>, Query, description = "As `poster_url` has it: stands for the header Authorization")),
    responses((status = 200, content_type = "text/vtt", description = "All of it"),
        Needs<ReadProducts>))]
pub(crate) async fn cues(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let upload = shown(&app, &asked, id).await?;
    let stored = app.media.get(&Path::from(keys::thumbnails(upload))).await.map_err(unavailable)?;
    let stored = stored.bytes().await.map_err(unavailable)?;
    let link = asked.link(&app, SPRITE, (MediaKind::Poster, id, upload));
    // Storage itself could neither sign them nor be what they are relative to.
    let cues = String::from_utf8_lossy(&stored).replace(SPRITE, &link);
    let name = disposition(&format!("thumbnails-{id}.vtt"));
    let headers = [(CONTENT_TYPE, "text/vtt"), (CACHE_CONTROL, ASK_AGAIN)];
    Ok((headers, [(CONTENT_DISPOSITION, name)], cues).into_response())
}

/// They go with the poster: its link opens them too.
async fn shown(app: &App, asked: &Asked, id: ProductId) -> Result<UploadId, Problem> {
    asked.finished(app, MediaKind::Poster, id).await.map(|(video, _)| video.upload)
}
