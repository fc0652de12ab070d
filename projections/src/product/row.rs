//! A product's row, and how events change it.

use domain::product::{
    FinishedVideo, ProcessingStatus, ProductChanges, ProductDetails, ProductEvent, ProductStatus,
    UploadedVideo,
};
use domain::{CategoryId, Money, ProductId, Recorded, UserId, folded};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Fold, Owned, Table};

/// A row of `products`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, Deserialize)]
pub struct ProductRow {
    /// Which product.
    #[sqlx(try_from = "Uuid")]
    pub id: ProductId,
    /// Who submitted it.
    #[sqlx(try_from = "Uuid")]
    pub owner_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where it belongs.
    #[sqlx(try_from = "Uuid")]
    pub category_id: CategoryId,
    /// Minor units.
    pub price_minor: Option<i64>,
    /// ISO 4217.
    pub price_currency: Option<String>,
    /// Where its review is.
    #[sqlx(try_from = "String")]
    pub status: ProductStatus,
    /// Where its video is.
    #[sqlx(try_from = "String")]
    pub processing_status: ProcessingStatus,
    /// Its video, as finished or else as uploaded.
    pub video: Option<Json<RowVideo>>,
    /// Whether there is a picture of the video.
    pub has_poster: bool,
    /// The stream's sequence.
    pub version: i64,
    /// When it was submitted.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When anything last happened to it.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
    /// Whether it has left every list.
    pub deleted: bool,
    /// Whether everybody may see and order it.
    pub listed: bool,
    /// The position of its first event.
    pub created_position: i64,
    /// The name as lists sort it.
    pub sort_name: String,
    /// The price as lists sort it: four decimals whatever the currency; the greatest without one.
    pub sort_price: i64,
    /// Name and description as words are searched for in them; `None` where that makes no
    /// difference. Only the database reads it.
    #[sqlx(default)]
    pub search_text: Option<String>,
}

/// A product's video: one that is finished, or else as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RowVideo {
    /// Can be shown.
    Finished(FinishedVideo),
    /// Waits for a worker, or failed.
    Uploaded(UploadedVideo),
}

impl Fold for ProductRow {
    type Event = ProductEvent;

    const TABLE: Table = Table::new(
        "products",
        2,
        &[
            "id",
            "owner_id",
            "name",
            "description",
            "category_id",
            "price_minor",
            "price_currency",
            "status",
            "processing_status",
            "video",
            "has_poster",
            "version",
            "created_at",
            "updated_at",
            "deleted",
            "listed",
            "created_position",
            "sort_name",
            "sort_price",
            "search_text",
        ],
    );

    fn fold(row: Option<Self>, event: &ProductEvent, recorded: &Recorded) -> Option<Self> {
        if let ProductEvent::ProductSubmitted { owner, details } = event {
            return Some(Self::submitted(recorded, *owner, details));
        }
        let mut row = row?;
        row.evolve(event);
        row.version = recorded.sequence;
        row.updated_at = recorded.at;
        row.listed = !row.deleted
            && row.status == ProductStatus::Approved
            && row.processing_status == ProcessingStatus::Ready;
        Some(row)
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

impl Owned for ProductRow {
    const OWNER: &'static str = "owner_id";
}

impl ProductRow {
    /// What it costs, if it has a price.
    pub fn price(&self) -> Option<Money> {
        let currency = self.price_currency.as_deref()?.parse().ok()?;
        Some(Money::new(self.price_minor?, currency))
    }

    fn submitted(recorded: &Recorded, owner: UserId, details: &ProductDetails) -> Self {
        let mut row = Self {
            id: ProductId::from_uuid(recorded.stream.id),
            owner_id: owner,
            name: String::new(),
            description: details.description.to_string(),
            category_id: details.category,
            price_minor: None,
            price_currency: None,
            status: ProductStatus::Pending,
            processing_status: ProcessingStatus::Ready,
            video: None,
            has_poster: false,
            version: recorded.sequence,
            created_at: recorded.at,
            updated_at: recorded.at,
            deleted: false,
            listed: false,
            created_position: recorded.position,
            sort_name: String::new(),
            sort_price: i64::MAX,
            search_text: None,
        };
        row.set_name(details.name.as_str());
        row.set_price(details.price);
        row
    }

    fn evolve(&mut self, event: &ProductEvent) {
        use ProductEvent as E;
        match event {
            E::ProductSubmitted { .. } => {}
            E::ProductEdited { changes } => self.change(changes),
            E::VideoUploaded { video } => {
                self.video = Some(Json(RowVideo::Uploaded(video.clone())));
                self.has_poster = false;
                self.processing_status = ProcessingStatus::Processing;
            }
            E::VideoFinalized { video } => {
                self.video = Some(Json(RowVideo::Finished(video.clone())));
                self.has_poster = true;
                self.processing_status = ProcessingStatus::Ready;
            }
            E::VideoFailed { .. } => self.processing_status = ProcessingStatus::Failed,
            E::ProductReturnedToReview { .. } | E::ProductResubmitted { .. } => {
                self.status = ProductStatus::Pending;
            }
            E::ProductApproved { .. } => self.status = ProductStatus::Approved,
            E::ProductRejected { .. } => self.status = ProductStatus::Rejected,
            E::ProductCancelled { .. } => self.status = ProductStatus::Cancelled,
            E::ProductDeleted { .. } => self.deleted = true,
        }
    }

    fn change(&mut self, changes: &ProductChanges) {
        if let Some(name) = &changes.name {
            self.set_name(name.to.as_str());
        }
        if let Some(description) = &changes.description {
            self.description = description.to.to_string();
            self.search_text = search_text(&self.name, &self.description);
        }
        if let Some(category) = &changes.category {
            self.category_id = category.to;
        }
        if let Some(price) = &changes.price {
            self.set_price(price.to);
        }
    }

    fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        // No longer than a name may be: an index takes no entry of more than 2,704 bytes.
        self.sort_name = folded(name).chars().take(LONGEST_NAME).collect();
        self.search_text = search_text(&self.name, &self.description);
    }

    fn set_price(&mut self, price: Option<Money>) {
        self.price_minor = price.map(Money::minor);
        self.price_currency = price.map(|price| price.currency().code().to_owned());
        self.sort_price = price.map_or(i64::MAX, |price| {
            let missing =
                4_u32.saturating_sub(u32::try_from(price.currency().decimals()).unwrap_or(4));
            price.minor().saturating_mul(10_i64.pow(missing))
        });
    }
}

/// Characters of a name.
const LONGEST_NAME: usize = 200;

/// Name and description as words are searched for in them, where they are not plain ASCII, of which
/// PostgreSQL's own folding makes the same.
fn search_text(name: &str, description: &str) -> Option<String> {
    let is_plain =
        |byte: u8| byte.is_ascii() && (!byte.is_ascii_control() || byte.is_ascii_whitespace());
    if name.bytes().chain(description.bytes()).all(is_plain) {
        return None;
    }
    Some(format!("{} {}", folded(name), folded(description)))
}
