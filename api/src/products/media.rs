//! A product's video and poster, in whole or in ranges (RFC 9110, 13 and 14).

use std::ops::RangeInclusive;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::media as keys;
use domain::ProductId;
use domain::product::{FinishedVideo, ProcessingStatus};
use futures::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use projections::{Products, RowVideo, Visibility};

use crate::App;
use crate::caller::Caller;
use crate::openapi::Needs;
use crate::path::Id;
use crate::permission::{Allowed, ReadProducts};
use crate::problem::Problem;

const POSTER_TYPE: &str = "image/jpeg";

/// Something in storage, and how it is given out.
pub(super) struct File {
    pub(super) path: Path,
    pub(super) content_type: String,
    /// Strong: other bytes have another one.
    pub(super) etag: String,
    pub(super) size: u64,
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Range(RangeInclusive<u64>),
    Outside,
}

/// The video.
#[utoipa::path(get, path = "/products/{id}/video/", tag = "products", operation_id = "getProductVideo",
    params(("id" = ProductId, Path), ("Range" = Option<String>, Header, description = "bytes=first-last")),
    responses((status = 200, content_type = "video/*", description = "All of it"),
        (status = 206, content_type = "video/*", description = "The range that was asked for"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "The range lies outside", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        Needs<ReadProducts>))]
pub(crate) async fn video(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (video, _) = finished(&app, &caller, id).await?;
    let file = File {
        path: Path::from(keys::video(video.upload, &video.content_type)),
        etag: format!("\"{}\"", video.sha256),
        size: u64::try_from(video.size).unwrap_or(0),
        content_type: video.content_type,
    };
    give(&app, file, &headers).await
}

/// A picture of the video.
#[utoipa::path(get, path = "/products/{id}/poster/", tag = "products", operation_id = "getProductPoster",
    params(("id" = ProductId, Path), ("Range" = Option<String>, Header, description = "bytes=first-last")),
    responses((status = 200, content_type = "image/jpeg", description = "All of it"),
        (status = 206, content_type = "image/jpeg", description = "The range that was asked for"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "The range lies outside", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        Needs<ReadProducts>))]
pub(crate) async fn poster(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (video, has_poster) = finished(&app, &caller, id).await?;
    if !has_poster {
        return Err(Problem::not_found());
    }
    let path = Path::from(keys::poster(video.upload));
    let size = app.media.head(&path).await.map_err(unavailable)?.size;
    let etag = format!("\"poster-{}\"", video.upload);
    give(&app, File { path, content_type: POSTER_TYPE.to_owned(), etag, size }, &headers).await
}

pub(super) async fn finished(
    app: &App,
    caller: &Caller,
    id: ProductId,
) -> Result<(FinishedVideo, bool), Problem> {
    let products = Products(app.pool.clone());
    let view = products.find(Visibility::of(caller.actor), id).await?;
    let row = view.ok_or_else(Problem::not_found)?.row;
    match row.video.map(|video| video.0) {
        Some(RowVideo::Finished(video)) if row.processing_status == ProcessingStatus::Ready => {
            Ok((video, row.has_poster))
        }
        Some(RowVideo::Finished(_) | RowVideo::Uploaded(_)) | None => Err(Problem::not_found()),
    }
}

pub(super) async fn give(app: &App, file: File, headers: &HeaderMap) -> Result<Response, Problem> {
    let mut answer = HeaderMap::new();
    insert(&mut answer, ETAG, &file.etag);
    // Who may see it changes, so each use is asked for again; that costs a 304.
    insert(&mut answer, CACHE_CONTROL, "private, no-cache");
    if has(headers, &file.etag) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    insert(&mut answer, ACCEPT_RANGES, "bytes");
    let (status, range) = match asked_for(headers, &file) {
        Part::Whole => (StatusCode::OK, 0..file.size),
        Part::Range(range) => (StatusCode::PARTIAL_CONTENT, *range.start()..*range.end() + 1),
        Part::Outside => {
            let size = HeaderValue::try_from(format!("bytes */{}", file.size));
            let problem = Problem::of_status(StatusCode::RANGE_NOT_SATISFIABLE);
            return Err(
                size.map_or(problem.clone(), |size| problem.with_header(CONTENT_RANGE, size))
            );
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
        insert(&mut answer, CONTENT_RANGE, &text);
    }
    insert(&mut answer, CONTENT_TYPE, &file.content_type);
    insert(&mut answer, CONTENT_LENGTH, &(range.end - range.start).to_string());
    let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
    let object = app.media.get_opts(&file.path, options).await.map_err(unavailable)?;
    let bytes = object.into_stream().inspect_err(|error| tracing::warn!("a file was cut: {error}"));
    Ok((status, answer, Body::from_stream(bytes)).into_response())
}

fn asked_for(headers: &HeaderMap, file: &File) -> Part {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(RANGE) else { return Part::Whole };
    if text(IF_RANGE).is_some_and(|tag| tag != file.etag) {
        return Part::Whole;
    }
    // What can't be read is ignored, and so are several ranges at once (RFC 9110, 14.2).
    let Ok(parsed) = http_range_header::parse_range_header(range) else { return Part::Whole };
    match parsed.validate(file.size) {
        Ok(ranges) => match ranges.as_slice() {
            [range] => Part::Range(range.clone()),
            _ => Part::Whole,
        },
        Err(_) => Part::Outside,
    }
}

fn has(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/") == etag
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(HeaderName, &'static str)]) -> Part {
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let file = File {
            path: Path::from("video"),
            content_type: "video/mp4".to_owned(),
            etag: "\"abc\"".to_owned(),
            size: 100,
        };
        asked_for(&headers.collect(), &file)
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        assert_eq!(asked(&[(RANGE, "bytes=0-9")]), Part::Range(0..=9));
        assert_eq!(asked(&[(RANGE, "bytes=90-")]), Part::Range(90..=99));
        assert_eq!(asked(&[(RANGE, "bytes=-5")]), Part::Range(95..=99));
        assert_eq!(asked(&[(RANGE, "bytes=90-1000")]), Part::Range(90..=99));
    }

    #[test]
    fn a_range_behind_the_end_is_outside() {
        assert_eq!(asked(&[(RANGE, "bytes=100-")]), Part::Outside);
    }

    #[test]
    fn what_is_no_range_or_several_gives_the_whole() {
        assert_eq!(asked(&[]), Part::Whole);
        assert_eq!(asked(&[(RANGE, "pages=1-2")]), Part::Whole);
        assert_eq!(asked(&[(RANGE, "bytes=0-1, 5-6")]), Part::Whole);
    }

    #[test]
    fn a_range_counts_only_for_the_version_that_the_client_has() {
        assert_eq!(asked(&[(RANGE, "bytes=0-9"), (IF_RANGE, "\"abc\"")]), Part::Range(0..=9));
        assert_eq!(asked(&[(RANGE, "bytes=0-9"), (IF_RANGE, "\"old\"")]), Part::Whole);
    }
}
