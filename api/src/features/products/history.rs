//! What happened to products.

use axum::extract::State;
use domain::ProductId;
use projections::{Product, ProductRow, Products, TimelineEntry, Visibility};
use serde::Serialize;
use utoipa::ToSchema;

use super::not_ones_own;
use crate::App;
use crate::access::permission::{Allowed, Needs, ReadOwnUploads, ReadProducts};
use crate::features::media_links::Links;
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params};

/// A product with its timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductHistory)]
pub(crate) struct Upload {
    #[serde(flatten)]
    pub(super) product: Product,
    /// Whether it was deleted.
    pub(super) deleted: bool,
    /// Its newest entries, 100 at most, oldest first. Those of a product that has more begin with a higher
    /// `sequence` than 1; all are in `GET /products/{id}/moderation/`.
    #[schema(max_items = 100)]
    pub(super) timeline: Vec<TimelineEntry>,
}

/// Lists all products that you ever submitted, with their timelines, newest first
///
/// Deleted products too. Of each timeline the newest 100 entries.
#[utoipa::path(get, path = "/products/history/", tag = "products", operation_id = "listOwnUploads",
    params(PageQuery), responses((status = 200, body = List<Upload>), Needs<ReadOwnUploads>))]
pub(crate) async fn uploads(
    Allowed(caller): Allowed<ReadOwnUploads>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Upload>, Problem> {
    let page = params.page();
    params.finish()?;
    let slice = Products(app.pool.clone()).uploads_of(caller.user, &page).await?;
    let ids: Vec<_> = slice.items.iter().map(|view| view.row.id).collect();
    let mut timelines = app.timeline().of_products(&ids).await?;
    let links = Links::of(&app, &caller);
    let upload = |view: projections::ProductView| Upload {
        deleted: view.row.deleted,
        timeline: timelines.remove(&view.row.id).unwrap_or_default(),
        product: links.show(view),
    };
    Ok(here.list(slice.map(upload)))
}

/// Lists what happened to a product, oldest first
///
/// Who changed what from what to what, when and why, and which version a decision judged. For the
/// product's owner, STAFF, ADMIN and AUDITOR; of a deleted product too.
#[utoipa::path(get, path = "/products/{id}/moderation/", tag = "products", operation_id = "getProductModeration",
    params(("id" = ProductId, Path), PageQuery),
    responses((status = 200, body = List<TimelineEntry>), Needs<ReadProducts>))]
pub(crate) async fn moderation(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    here: Here,
    mut params: Params,
) -> Result<List<TimelineEntry>, Problem> {
    let page = params.page();
    params.finish()?;
    let visibility = Visibility::of(caller.actor);
    match app.timeline().of::<ProductRow>(visibility, id.uuid(), &page).await? {
        Some(slice) => Ok(here.list(slice)),
        None => Err(not_ones_own(&app, &caller, id).await),
    }
}
