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

/// A listing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Product {
    /// Which product.
    pub id: ProductId,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where it belongs.
    pub category: CategorySummary,
    /// What it costs, if it has a price.
    pub price: Option<Money>,
    /// The video, once it can be shown.
    pub video: Option<VideoFacts>,
    /// Where to watch it: a link that needs no header, works for 10 to 15 minutes, and only for as
    /// long as whoever was given it may see the product.
    #[schema(format = "uri-reference")]
    pub video_url: Option<String>,
    /// Where to see a picture of it; a link of the same kind.
    #[schema(format = "uri-reference")]
    pub poster_url: Option<String>,
    /// Only with `as_of` or `version`: whether the video that the product had then has since been
    /// replaced or deleted. Its links are `null` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub video_gone: Option<bool>,
    /// Where its review is.
    pub status: ProductStatus,
    /// Where its video is.
    pub processing_status: ProcessingStatus,
    /// How far the video is, in per cent.
    #[schema(minimum = 0, maximum = 100)]
    pub processing_progress: i16,
    /// Who submitted it.
    pub uploaded_by: UserId,
    /// Counts what happened to it.
    pub version: i64,
    /// When it was submitted.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When anything last happened to it.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

/// A category, within a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategorySummary {
    /// Which category.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
}

/// What is known of a video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VideoFacts {
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Media type (RFC 6838).
    pub content_type: String,
    /// Milliseconds.
    pub duration_ms: i64,
    /// Pixels.
    pub width: i32,
    /// Pixels.
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

/// Where files are to be had: whoever shows a product says so.
pub trait MediaLinks {
    /// Where to watch the video.
    fn video(&self, product: ProductId, upload: UploadId) -> String;

    /// Where to see a picture of it.
    fn poster(&self, product: ProductId, upload: UploadId) -> String;
}

/// For whoever can sign in at the files' own addresses.
impl MediaLinks for () {
    fn video(&self, product: ProductId, _: UploadId) -> String {
        format!("/products/{product}/video/")
    }

    fn poster(&self, product: ProductId, _: UploadId) -> String {
        format!("/products/{product}/poster/")
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
        let linked = video.as_ref().filter(|_| video_gone != Some(true));
        let upload = linked.map(|video| video.upload);
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
            poster_url: upload.filter(|_| row.has_poster).map(|upload| links.poster(id, upload)),
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
