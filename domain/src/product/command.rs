use deserr::Deserr;
use utoipa::ToSchema;

use super::{FinishedVideo, ProductDetails, UploadedVideo};
use crate::policy::{CitedPolicy, PolicyIds};
use crate::{Actor, CategoryId, Given, Money, Patch, PolicyId, Text, UploadId};

/// What a product is called.
pub type ProductName = Text<1, 200>;
/// What a product is.
pub type ProductDescription = Text<0, 20000>;
/// Why a moderator decided as they did.
pub type Reason = Text<1, 2000>;

/// What can be asked of a product.
#[derive(Clone, Debug)]
pub enum ProductCommand {
    /// Hands it in for review.
    Submit {
        /// Who; becomes its owner.
        by: Actor,
        /// The product.
        details: ProductDetails,
        /// A video that came with it.
        video: Option<UploadedVideo>,
    },
    /// Changes it; one that was judged goes back to review.
    Edit {
        /// Who.
        by: Actor,
        /// The changes.
        edit: EditProduct,
        /// A video that replaces the present one; whatever upload the changes name, it is this.
        video: Option<UploadedVideo>,
    },
    /// Lets it be ordered.
    Approve {
        /// Who.
        by: Actor,
        /// Why; needed where it reverses a rejection.
        reason: Option<Reason>,
        /// The policies that it stands on.
        policies: Vec<CitedPolicy>,
    },
    /// Refuses it.
    Reject {
        /// Who.
        by: Actor,
        /// Why.
        reason: Reason,
        /// The policies that it stands on.
        policies: Vec<CitedPolicy>,
    },
    /// Withdraws it.
    Cancel {
        /// Who.
        by: Actor,
    },
    /// Puts a rejected or withdrawn one back to review.
    Resubmit {
        /// Who.
        by: Actor,
    },
    /// Takes it out of every list.
    Delete {
        /// Who.
        by: Actor,
    },
    /// The worker finished its video.
    FinishVideo {
        /// The result.
        video: FinishedVideo,
    },
    /// The worker can't finish its video.
    FailVideo {
        /// Which upload.
        upload: UploadId,
        /// Why, for its owner.
        reason: String,
    },
}

/// Body of `POST /products/` and `PUT /products/{id}/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct SubmitProduct {
    /// Its name.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub name: ProductName,
    /// Its description.
    #[deserr(default)]
    #[schema(value_type = String, max_length = 20000, required = false, default = "")]
    pub description: ProductDescription,
    /// The id of its category; `category`, as GET gives it, is accepted instead.
    pub category_id: CategoryId,
    /// Its price, if it has one.
    #[deserr(default)]
    #[schema(required = false)]
    pub price: Option<Money>,
    /// The id of a finished upload of the caller's (`/uploads/`), which becomes its video.
    #[deserr(default)]
    #[schema(required = false)]
    pub upload_id: Option<UploadId>,
}

/// Body of `PATCH /products/{id}/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct EditProduct {
    /// A new name.
    #[deserr(default)]
    #[schema(value_type = String, min_length = 1, max_length = 200, required = false)]
    pub name: Given<ProductName>,
    /// A new description.
    #[deserr(default)]
    #[schema(value_type = String, max_length = 20000, required = false)]
    pub description: Given<ProductDescription>,
    /// The id of another category; `category`, as GET gives it, is accepted instead.
    #[deserr(default)]
    #[schema(value_type = CategoryId, required = false)]
    pub category_id: Given<CategoryId>,
    /// A new price, or `null` for none.
    #[deserr(default)]
    #[schema(value_type = Option<Money>, required = false)]
    pub price: Patch<Money>,
    /// The id of a finished upload of the caller's (`/uploads/`), which becomes its video.
    #[deserr(default)]
    #[schema(value_type = UploadId, required = false)]
    pub upload_id: Given<UploadId>,
}

/// Body of `POST /products/{id}/approve/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct ApproveProduct {
    /// The reason; required where this reverses a rejection.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000, required = false)]
    pub reason: Option<Reason>,
    /// The ids of the policies that the decision stands on: none of them retired, each once.
    #[deserr(default)]
    #[schema(value_type = Vec<PolicyId>, max_items = 10, required = false)]
    pub policies: PolicyIds,
}

/// Body of `POST /products/{id}/reject/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub struct RejectProduct {
    /// The reason, which the owner reads.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub reason: Reason,
    /// The ids of the policies that the decision stands on: none of them retired, each once.
    #[deserr(default)]
    #[schema(value_type = Vec<PolicyId>, max_items = 10, required = false)]
    pub policies: PolicyIds,
}

/// Naming no policy.
impl From<Reason> for ApproveProduct {
    fn from(reason: Reason) -> Self {
        Self { reason: Some(reason), policies: PolicyIds::default() }
    }
}

/// Naming no policy.
impl From<Reason> for RejectProduct {
    fn from(reason: Reason) -> Self {
        Self { reason, policies: PolicyIds::default() }
    }
}

impl From<SubmitProduct> for ProductDetails {
    fn from(body: SubmitProduct) -> Self {
        let SubmitProduct { name, description, category_id: category, price, upload_id: _ } = body;
        Self { name, description, category, price }
    }
}

impl From<SubmitProduct> for EditProduct {
    fn from(whole: SubmitProduct) -> Self {
        Self {
            name: Given(Some(whole.name)),
            description: Given(Some(whole.description)),
            category_id: Given(Some(whole.category_id)),
            price: whole.price.map_or(Patch::Clear, Patch::Set),
            upload_id: Given(whole.upload_id),
        }
    }
}
