use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, IntoStaticStr, VariantNames};

use super::{ProductDescription, ProductName, ProductStatus};
use crate::policy::CitedPolicy;
use crate::{CategoryId, Change, HoldsPersonal, Money, Personal, UploadId, UserId};

/// What happened to a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(ProductEventType),
    derive(IntoStaticStr, VariantNames),
    doc = "The types of such events."
)]
pub enum ProductEvent {
    /// It was handed in.
    ProductSubmitted {
        /// By whom.
        owner: UserId,
        /// As what.
        details: ProductDetails,
    },
    /// Its owner (or an ADMIN) changed it.
    ProductEdited {
        /// From what to what.
        changes: ProductChanges,
    },
    /// A video arrived.
    VideoUploaded {
        /// As received.
        video: UploadedVideo,
    },
    /// The video can be shown.
    VideoFinalized {
        /// As shown.
        video: FinishedVideo,
    },
    /// The video can't be shown.
    VideoFailed {
        /// Which upload.
        upload: UploadId,
        /// Why, for its owner.
        reason: String,
    },
    /// What a decision stood on was changed, so it has to be made again.
    ProductReturnedToReview {
        /// The status that no longer holds.
        was: ProductStatus,
    },
    /// A moderator let it be ordered.
    ProductApproved {
        /// The moderator.
        by: UserId,
        /// The version that they judged.
        judged: i64,
        /// The status before; REJECTED where this reverses a decision.
        was: ProductStatus,
        /// Why.
        reason: Option<Personal>,
        /// The policies that it stands on; none in logs of before there were policies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        policies: Vec<CitedPolicy>,
    },
    /// A moderator refused it.
    ProductRejected {
        /// The moderator.
        by: UserId,
        /// The version that they judged.
        judged: i64,
        /// The status before; APPROVED where this reverses a decision.
        was: ProductStatus,
        /// Why.
        reason: Personal,
        /// The policies that it stands on; none in logs of before there were policies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        policies: Vec<CitedPolicy>,
    },
    /// Its owner withdrew it.
    ProductCancelled {
        /// The status before.
        was: ProductStatus,
    },
    /// Its owner put it back to review.
    ProductResubmitted {
        /// The status before.
        was: ProductStatus,
    },
    /// It left every list.
    ProductDeleted {
        /// The category that it was in.
        category: CategoryId,
    },
}

/// What a reviewer judges, besides the video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDetails {
    /// What it is called.
    pub name: ProductName,
    /// What it is.
    pub description: ProductDescription,
    /// Where it belongs.
    pub category: CategoryId,
    /// What it costs, if it has a price.
    pub price: Option<Money>,
}

/// What an edit changed; at least one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChanges {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Change<ProductName>>,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Change<ProductDescription>>,
    /// The category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Change<CategoryId>>,
    /// The price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Change<Option<Money>>>,
}

/// A video as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedVideo {
    /// Names it in storage.
    pub upload: UploadId,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// A finished video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedVideo {
    /// Names it in storage.
    pub upload: UploadId,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Media type (RFC 6838).
    pub content_type: String,
    /// Milliseconds.
    pub duration_ms: i64,
    /// Pixels, as displayed.
    pub width: i32,
    /// Pixels, as displayed.
    pub height: i32,
}

impl ProductDetails {
    pub(super) fn change(&mut self, changes: ProductChanges) {
        if let Some(name) = changes.name {
            self.name = name.to;
        }
        if let Some(description) = changes.description {
            self.description = description.to;
        }
        if let Some(category) = changes.category {
            self.category = category.to;
        }
        if let Some(price) = changes.price {
            self.price = price.to;
        }
    }
}

impl ProductEvent {
    /// The policies that it names: those of a decision.
    pub fn policies(&self) -> &[CitedPolicy] {
        match self {
            Self::ProductApproved { policies, .. } | Self::ProductRejected { policies, .. } => {
                policies
            }
            Self::ProductSubmitted { .. }
            | Self::ProductEdited { .. }
            | Self::VideoUploaded { .. }
            | Self::VideoFinalized { .. }
            | Self::VideoFailed { .. }
            | Self::ProductReturnedToReview { .. }
            | Self::ProductCancelled { .. }
            | Self::ProductResubmitted { .. }
            | Self::ProductDeleted { .. } => &[],
        }
    }
}

impl HoldsPersonal for ProductEvent {
    fn personal(&mut self) -> Vec<(&'static str, &mut Personal)> {
        match self {
            Self::ProductApproved { reason, .. } => {
                reason.iter_mut().map(|reason| ("reason", reason)).collect()
            }
            Self::ProductRejected { reason, .. } => vec![("reason", reason)],
            Self::ProductSubmitted { .. }
            | Self::ProductEdited { .. }
            | Self::VideoUploaded { .. }
            | Self::VideoFinalized { .. }
            | Self::VideoFailed { .. }
            | Self::ProductReturnedToReview { .. }
            | Self::ProductCancelled { .. }
            | Self::ProductResubmitted { .. }
            | Self::ProductDeleted { .. } => vec![],
        }
    }
}
