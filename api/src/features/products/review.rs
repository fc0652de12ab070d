//! What is decided about a product, and what its owner does about that.

use axum::extract::State;
use domain::ProductId;
use domain::product::{ApproveProduct, RejectProduct};
use projections::Product;

use crate::App;
use crate::access::permission::{Allowed, ModerateProducts, Needs, WriteProducts};
use crate::features::resource::{Versioned, changed, expected};
use crate::http::conditional::IfMatch;
use crate::http::input::{Input, Nothing};
use crate::http::path::Id;
use crate::http::problem::Problem;

/// Approves a product
///
/// Not your own. `reason` is needed where this reverses a rejection.
#[utoipa::path(post, path = "/products/{id}/approve/", tag = "products", operation_id = "approveProduct",
    params(("id" = ProductId, Path)), request_body(content = Option<ApproveProduct>),
    responses((status = 200, body = Product), Needs<ModerateProducts>),
    extensions(("x-problems" = json!(["own_product", "already_decided", "not_reviewable", "video_not_ready"]))))]
pub(crate) async fn approve(
    Allowed(caller): Allowed<ModerateProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Input(body): Input<ApproveProduct>,
) -> Result<Versioned<Product>, Problem> {
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let done = app.commands.approve_product(&context, id, body.reason).await?;
    changed(&app, &caller, id, &done).await
}

/// Rejects a product
///
/// Not your own. Its owner reads the reason.
#[utoipa::path(post, path = "/products/{id}/reject/", tag = "products", operation_id = "rejectProduct",
    params(("id" = ProductId, Path)), request_body = RejectProduct,
    responses((status = 200, body = Product), Needs<ModerateProducts>),
    extensions(("x-problems" = json!(["own_product", "already_decided", "not_reviewable"]))))]
pub(crate) async fn reject(
    Allowed(caller): Allowed<ModerateProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Input(body): Input<RejectProduct>,
) -> Result<Versioned<Product>, Problem> {
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let done = app.commands.reject_product(&context, id, body.reason).await?;
    changed(&app, &caller, id, &done).await
}

/// Withdraws a product
///
/// Your own, or as an ADMIN any. It can be resubmitted.
#[utoipa::path(post, path = "/products/{id}/cancel/", tag = "products", operation_id = "cancelProduct",
    params(("id" = ProductId, Path)), request_body(content = Option<Nothing>),
    responses((status = 200, body = Product), Needs<WriteProducts>))]
pub(crate) async fn cancel(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Versioned<Product>, Problem> {
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let done = app.commands.cancel_product(&context, id).await?;
    changed(&app, &caller, id, &done).await
}

/// Resubmits a rejected or withdrawn product for review
///
/// Your own, or as an ADMIN any.
#[utoipa::path(post, path = "/products/{id}/resubmit/", tag = "products", operation_id = "resubmitProduct",
    params(("id" = ProductId, Path)), request_body(content = Option<Nothing>),
    responses((status = 200, body = Product), Needs<WriteProducts>),
    extensions(("x-problems" = json!(["not_resubmittable"]))))]
pub(crate) async fn resubmit(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Versioned<Product>, Problem> {
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let done = app.commands.resubmit_product(&context, id).await?;
    changed(&app, &caller, id, &done).await
}
