//! Examples of products.

use domain::product::{
    ApproveProduct, EditProduct, ProcessingStatus, ProductStatus, RejectProduct, SubmitProduct,
};
use domain::{CategoryId, Money, ProductId, Role, UserId};
use projections::{
    CategorySummary, FieldChange, Product, TimelineActor, TimelineEntry, VideoFacts,
};
use serde_json::json;
use uuid::Uuid;

use super::form::{ProductEditForm, ProductForm};
use super::history::Upload;
use crate::features::accounts::examples::{MODERATOR, SELLER};
use crate::features::categories::examples::CATEGORY;
use crate::features::feature::Example;
use crate::features::live::LiveEvent;
use crate::features::policies::examples::POLICY;
use crate::features::samples::{APPROVED, SIGNATURE, SUBMITTED, id};
use crate::features::uploads::UPLOAD;

pub(crate) const PRODUCT: Uuid = id(5);
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Of each body.
pub(super) fn examples() -> Vec<Example> {
    let left = |status| Example::answer(&Product { status, ..product() });
    let mut examples = requests();
    examples.extend([
        Example::answer(&product()),
        left(ProductStatus::Pending).after("submitProduct"),
        left(ProductStatus::Pending).after("resubmitProduct"),
        left(ProductStatus::Rejected).after("rejectProduct"),
        left(ProductStatus::Cancelled).after("cancelProduct"),
        Example::answer(&Upload { product: product(), deleted: false, timeline: vec![approval()] }),
        Example::answer(&approval()),
        Example::answer(&LiveEvent::progress(ProductId::from_uuid(PRODUCT), 40)),
    ]);
    examples
}

fn requests() -> Vec<Example> {
    vec![
        Example::request::<SubmitProduct>(json!({
            "name": "Desk lamp", "description": "Brass, with a green shade.",
            "category_id": CATEGORY, "price": price(), "upload_id": UPLOAD,
        })),
        Example::request::<EditProduct>(
            json!({ "price": { "amount": "11.00", "currency": "EUR" } }),
        ),
        Example::of::<ProductForm>(json!({
            "name": "Desk lamp", "category_id": CATEGORY,
            "price_amount": "12.50", "price_currency": "EUR",
        })),
        Example::of::<ProductEditForm>(
            json!({ "description": "Brass, with a shade of green glass." }),
        ),
        Example::request::<ApproveProduct>(json!({ "reason": "The new video shows the lamp." })),
        Example::request::<RejectProduct>(
            json!({ "reason": "The video shows another lamp.", "policies": [POLICY] }),
        ),
    ]
}

/// What it costs.
pub(crate) fn price() -> Option<Money> {
    Money::try_new("12.50", "EUR".parse().ok()?).ok()
}

fn product() -> Product {
    let link = |file: &str| format!("/products/{PRODUCT}/{file}?signature={SIGNATURE}");
    Product {
        id: ProductId::from_uuid(PRODUCT),
        name: "Desk lamp".to_owned(),
        description: "Brass, with a green shade.".to_owned(),
        category: CategorySummary {
            id: CategoryId::from_uuid(CATEGORY),
            name: "Lamps".to_owned(),
            description: "What gives light.".to_owned(),
        },
        price: price(),
        video: Some(video()),
        video_url: Some(link("video/")),
        poster_url: Some(link("poster/")),
        thumbnails_url: Some(link("thumbnails.vtt")),
        live_url: Some(link("live/")),
        video_gone: None,
        status: ProductStatus::Approved,
        processing_status: ProcessingStatus::Ready,
        processing_progress: 100,
        uploaded_by: UserId::from_uuid(SELLER),
        version: 4,
        created_at: SUBMITTED,
        updated_at: APPROVED,
    }
}

fn video() -> VideoFacts {
    VideoFacts {
        size: 20_812_345,
        sha256: DIGEST.to_owned(),
        content_type: "video/mp4".to_owned(),
        duration_ms: 30_000,
        width: 1_920,
        height: 1_080,
    }
}

fn approval() -> TimelineEntry {
    TimelineEntry {
        sequence: 4,
        kind: "ProductApproved",
        at: APPROVED,
        actor: TimelineActor::User { id: UserId::from_uuid(MODERATOR), role: Role::Staff },
        reason: None,
        judged: Some(3),
        policies: vec![],
        changes: vec![FieldChange {
            field: "status",
            from: json!("PENDING"),
            to: json!("APPROVED"),
        }],
    }
}
