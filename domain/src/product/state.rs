use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FinishedVideo, ProductDetails, ProductEvent, ProductName, UploadedVideo};
use crate::{Actor, Money, UploadId, UserId};

/// The state of a product's review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProductStatus {
    /// Waits for review.
    Pending,
    /// May be ordered.
    Approved,
    /// Rejected; its owner may edit or resubmit it.
    Rejected,
    /// Withdrawn by its owner.
    Cancelled,
}

impl ProductStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Cancelled];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether a moderator's decision stands.
    pub const fn is_judged(self) -> bool {
        match self {
            Self::Approved | Self::Rejected => true,
            Self::Pending | Self::Cancelled => false,
        }
    }
}

/// The state of a product's video; READY where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProcessingStatus {
    /// Bytes still arrive.
    Uploading,
    /// A worker has it.
    Processing,
    /// Can be shown; also where there is no video.
    Ready,
    /// Could not be finished; the timeline says why.
    Failed,
}

impl ProcessingStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Uploading, Self::Processing, Self::Ready, Self::Failed];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "UPLOADING",
            Self::Processing => "PROCESSING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }
}

crate::input::named!(ProductStatus, ProcessingStatus);

/// A product as its events leave it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub(super) version: i64,
    pub(super) listing: Option<Listing>,
}

/// What is listed, from submission to deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// Who submitted it.
    pub owner: UserId,
    /// What a reviewer judges.
    pub details: ProductDetails,
    /// Where its review is.
    pub status: ProductStatus,
    /// Its video, if it has one.
    pub video: Option<Video>,
}

/// A product's video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Video {
    /// Uploaded; a worker is to finish it.
    Uploaded(UploadedVideo),
    /// Finished.
    Finished(FinishedVideo),
    /// Can't be finished.
    Failed {
        /// Which upload.
        upload: UploadId,
        /// Why, for its owner.
        reason: String,
    },
}

/// What an order copies of a product that may be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The name at that moment.
    pub name: ProductName,
    /// The price at that moment.
    pub price: Option<Money>,
}

impl Product {
    /// What is listed; `None` before submission and after deletion.
    pub const fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }

    /// What an order may copy; `None` where the product can't be ordered.
    pub fn offer(&self) -> Option<Offer> {
        let listing = self.listing.as_ref().filter(|listing| listing.is_listed())?;
        Some(Offer { name: listing.details.name.clone(), price: listing.details.price })
    }

    pub(super) fn evolve(&mut self, event: ProductEvent) {
        use ProductEvent as E;
        if let E::ProductSubmitted { owner, details } = event {
            let status = ProductStatus::Pending;
            self.listing = Some(Listing { owner, details, status, video: None });
            return;
        }
        let Some(listing) = &mut self.listing else { return };
        match event {
            E::ProductEdited { changes } => listing.details.change(changes),
            E::VideoUploaded { video } => listing.video = Some(Video::Uploaded(video)),
            E::VideoFinalized { video } => listing.video = Some(Video::Finished(video)),
            E::VideoFailed { upload, reason } => {
                listing.video = Some(Video::Failed { upload, reason });
            }
            E::ProductReturnedToReview { .. } | E::ProductResubmitted { .. } => {
                listing.status = ProductStatus::Pending;
            }
            E::ProductApproved { .. } => listing.status = ProductStatus::Approved,
            E::ProductRejected { .. } => listing.status = ProductStatus::Rejected,
            E::ProductCancelled { .. } => listing.status = ProductStatus::Cancelled,
            E::ProductDeleted { .. } => self.listing = None,
            E::ProductSubmitted { .. } => {}
        }
    }
}

impl Listing {
    /// Where its video is; a product without one is ready.
    pub const fn processing(&self) -> ProcessingStatus {
        match self.video {
            None | Some(Video::Finished(_)) => ProcessingStatus::Ready,
            Some(Video::Uploaded(_)) => ProcessingStatus::Processing,
            Some(Video::Failed { .. }) => ProcessingStatus::Failed,
        }
    }

    /// Whether everybody may see and order it.
    pub fn is_listed(&self) -> bool {
        self.status == ProductStatus::Approved && self.processing() == ProcessingStatus::Ready
    }

    /// Whether somebody may know of it.
    pub fn is_visible_to(&self, actor: Actor) -> bool {
        actor.sees_everything()
            || actor.is(self.owner)
            || actor.user_id().is_some() && self.is_listed()
    }

    /// Whether a worker's result for that upload is still wanted.
    pub(super) fn awaits(&self, upload: UploadId) -> bool {
        matches!(&self.video, Some(Video::Uploaded(video)) if video.upload == upload)
    }
}
