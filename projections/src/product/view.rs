//! A product as the outside sees it.

use domain::product::{FinishedVideo, ProcessingStatus, ProductStatus};
use domain::{CategoryId, Money, ProductId, UploadId, UserId};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{ProductRow, RowVideo};
use crate::Fold;
use crate::page::{Key, SortBy};
use crate::scan::Keyed;

/// A product's row, with what its representation takes from elsewhere.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ProductView {
    /// The row.
    #[sqlx(flatten)]
    pub row: ProductRow,
    /// Its category's name; `None` once the category is gone, which only outlived products see.
    pub category_name: Option<String>,
    /// Its category's description.
    pub category_description: Option<String>,
    /// What the worker that has the video last reported, in per cent.
    pub progress: Option<i16>,
    /// Of a past state: whether the video that it had is no longer given out.
    #[sqlx(skip)]
    pub video_gone: Option<bool>,
}

/// The columns of rows that a view shows.
pub(super) fn columns() -> impl Iterator<Item = &'static str> {
    ProductRow::TABLE.columns.iter().copied().filter(|column| *column != "search_text")
}

/// What a view is made of, up to the rows of products, which are called `p`.
pub(super) fn selected() -> String {
    let columns: Vec<_> = columns().map(|column| format!("p.{column}")).collect();
    format!(
        "SELECT {}, c.name AS category_name, c.description AS category_description, j.progress",
        columns.join(", ")
    )
}

/// What those rows are joined with. A job for an earlier upload says nothing of this one.
pub(super) const JOINS: &str = "LEFT JOIN categories c ON c.id = p.category_id \
    LEFT JOIN video_jobs j ON j.product_id = p.id AND j.upload_id::text = p.video->>'upload'";

/// A product.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Product {
    /// The product's id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its category.
    pub category: CategorySummary,
    /// Its price; `null` where it has none.
    pub price: Option<Money>,
    /// Its video; `null` until there is one that can be played.
    pub video: Option<VideoFacts>,
    /// A signed link to the video, for a `<video>` element; `null` where there is none. Like every
    /// signed link it needs no `Authorization` header, works for 10 to 15 minutes, and stops when
    /// the caller's session ends or the caller may no longer see the product.
    #[schema(format = "uri-reference")]
    pub video_url: Option<String>,
    /// A signed link to a picture of the video; `null` where there is none.
    #[schema(format = "uri-reference")]
    pub poster_url: Option<String>,
    /// A signed link to the index of the video's thumbnails (WebVTT); `null` where there is no
    /// video.
    #[schema(format = "uri-reference")]
    pub thumbnails_url: Option<String>,
    /// A signed link to the product's live events, for an `EventSource`; `null` for a deleted product.
    #[schema(format = "uri-reference")]
    pub live_url: Option<String>,
    /// Only with `as_of` or `version`, and for deleted products: whether the video that the product had
    /// then was replaced or deleted since. Its links are `null` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub video_gone: Option<bool>,
    /// The state of its review.
    pub status: ProductStatus,
    /// The state of its video.
    pub processing_status: ProcessingStatus,
    /// How much of the video has been processed, in per cent.
    #[schema(minimum = 0, maximum = 100)]
    pub processing_progress: i16,
    /// The account that submitted it.
    pub uploaded_by: UserId,
    /// Its version: counts its events.
    pub version: i64,
    /// When it was submitted.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When its last event happened.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

/// The category of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategorySummary {
    /// The category's id.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
}

/// A video's properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VideoFacts {
    /// Size in bytes.
    pub size: i64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Media type (RFC 6838).
    pub content_type: String,
    /// Duration in milliseconds.
    pub duration_ms: i64,
    /// Width in pixels, as displayed.
    pub width: i32,
    /// Height in pixels, as displayed.
    pub height: i32,
}

impl From<FinishedVideo> for VideoFacts {
    fn from(video: FinishedVideo) -> Self {
        Self {
            size: video.size,
            sha256: video.sha256,
            content_type: video.content_type,
            duration_ms: video.duration_ms,
            width: video.width,
            height: video.height,
        }
    }
}

impl ProductView {
    fn processing_progress(&self) -> i16 {
        match self.row.processing_status {
            ProcessingStatus::Ready => 100,
            ProcessingStatus::Processing => self.progress.unwrap_or(0),
            ProcessingStatus::Uploading | ProcessingStatus::Failed => 0,
        }
    }
}

/// Links to the pictures of a video, which belong together.
pub struct PictureLinks {
    /// To one of them.
    pub poster: String,
    /// To the index of its thumbnails.
    pub thumbnails: String,
}

/// Makes the links in a product's representation.
pub trait MediaLinks {
    /// The link to the video.
    fn video(&self, product: ProductId, upload: UploadId) -> String;

    /// The links to its pictures.
    fn pictures(&self, product: ProductId, upload: UploadId) -> PictureLinks;

    /// The link to the product's live events.
    fn live(&self, product: ProductId) -> String;
}

/// Plain paths, which need the `Authorization` header.
impl MediaLinks for () {
    fn video(&self, product: ProductId, _: UploadId) -> String {
        format!("/products/{product}/video/")
    }

    fn pictures(&self, product: ProductId, _: UploadId) -> PictureLinks {
        PictureLinks {
            poster: format!("/products/{product}/poster/"),
            thumbnails: format!("/products/{product}/thumbnails.vtt"),
        }
    }

    fn live(&self, product: ProductId) -> String {
        format!("/products/{product}/live/")
    }
}

impl ProductView {
    /// As the outside sees it.
    pub fn shown(self, links: &impl MediaLinks) -> Product {
        let processing_progress = self.processing_progress();
        let Self { row, category_name, category_description, video_gone, .. } = self;
        let (id, price) = (row.id, row.price());
        let ready = row.processing_status == ProcessingStatus::Ready;
        let video = match row.video {
            Some(Json(RowVideo::Finished(video))) if ready => Some(video),
            Some(Json(RowVideo::Finished(_) | RowVideo::Uploaded(_))) | None => None,
        };
        let video_gone = video_gone.or(row.deleted.then_some(video.is_some()));
        let linked = video.as_ref().filter(|_| video_gone != Some(true));
        let upload = linked.map(|video| video.upload);
        let pictures = upload.filter(|_| row.has_poster).map(|upload| links.pictures(id, upload));
        let (poster_url, thumbnails_url) =
            pictures.map(|links| (links.poster, links.thumbnails)).unzip();
        Product {
            id,
            name: row.name,
            description: row.description,
            category: CategorySummary {
                id: row.category_id,
                name: category_name.unwrap_or_default(),
                description: category_description.unwrap_or_default(),
            },
            price,
            video: video.map(VideoFacts::from),
            video_url: upload.map(|upload| links.video(id, upload)),
            poster_url,
            thumbnails_url,
            live_url: (!row.deleted).then(|| links.live(id)),
            video_gone,
            status: row.status,
            processing_status: row.processing_status,
            processing_progress,
            uploaded_by: row.owner_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Keyed for ProductView {
    fn key(&self, by: SortBy) -> Key {
        let position = self.row.created_position;
        match by {
            SortBy::Created => Key::Position(position),
            SortBy::Name => Key::Name(self.row.sort_name.clone(), position),
            SortBy::Price => {
                Key::Price(self.row.price_currency.clone(), self.row.sort_price, position)
            }
        }
    }
}
