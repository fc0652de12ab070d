//! Small pictures all along a product's video, for a player's bar.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::media as keys;
use domain::{ProductId, UploadId};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use identity::MediaKind;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::media::{ASK_AGAIN, Asked, File, disposition, give, unavailable};
use super::range::RangeHeader;
use crate::App;
use crate::access::permission::{Needs, ReadProducts};
use crate::http::path::Id;
use crate::http::problem::Problem;

/// Where the cues say the pictures are.
const SPRITE: &str = "sprite/";

/// Gets the thumbnails of a product's video, up to 100 in one picture
///
/// `thumbnails.vtt` says which part of the picture belongs to which time. A video that was finished
/// before there were thumbnails has none. The `signature` of `poster_url` opens this too.
#[utoipa::path(get, path = "/products/{id}/sprite/", tag = "products", operation_id = "getProductSprite",
    params(("id" = ProductId, Path), RangeHeader),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link", "range_not_satisfiable"]))))]
pub(crate) async fn sprite(
    asked: Asked,
    State(app): State<App>,
    Id(id): Id<ProductId>,
) -> Result<Response, Problem> {
    let upload = shown(&app, &asked, id).await?;
    let (path, etag) = (Path::from(keys::sprite(upload)), format!("\"sprite-{upload}\""));
    give(&app, File::picture(path, format!("sprite-{id}.jpg"), etag), &asked).await
}

/// Gets the index of the thumbnails as WebVTT
///
/// Each cue is an address relative to this one, with a `signature`, since players fetch it without the
/// header `Authorization`, and a media fragment: `sprite/?signature=…#xywh=160,0,160,90`. The product's
/// `thumbnails_url` leads here.
#[utoipa::path(get, path = "/products/{id}/thumbnails.vtt", tag = "products", operation_id = "getProductThumbnails",
    params(("id" = ProductId, Path)),
    responses((status = 200, body = String, content_type = "text/vtt",
        example = json!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite/?signature=AAAA#xywh=0,0,160,90\n")),
        Needs<ReadProducts>),
    security(("bearer" = []), ("signature" = [])),
    extensions(("x-problems" = json!(["invalid_media_link"]))))]
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
