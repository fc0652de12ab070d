//! What is decided about a product, and what its owner does about that.

use axum::extract::State;
use deserr::Deserr;
use domain::product::{ApproveProduct, RejectProduct};
use domain::{FieldErrors, ProductId};
use projections::Product;
use serde_json::{Map, Value};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, ModerateProducts, Needs, WriteProducts};
use crate::features::references::Referring;
use crate::features::resource::{Versioned, changed, expected};
use crate::http::conditional::IfMatch;
use crate::http::edit::Edit;
use crate::http::input::{Input, Nothing, Object};
use crate::http::path::Id;
use crate::http::problem::Problem;

/// Approves a product
///
/// Not your own. `reason` is needed where this reverses a rejection. `policies` are those that the decision
/// stands on, and are kept as they are now. What was written from a template has no `{placeholder}` left.
#[utoipa::path(post, path = "/products/{id}/approve/", tag = "products", operation_id = "approveProduct",
    params(("id" = ProductId, Path)), request_body(content = Option<ApproveProduct>),
    responses((status = 200, body = Product), Needs<ModerateProducts>),
    extensions(("x-problems" = json!(["own_product", "already_decided", "not_reviewable", "video_not_ready",
        "unfilled_placeholder"]))))]
pub(crate) async fn approve(
    Allowed(caller): Allowed<ModerateProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Object(body): Object,
) -> Result<Versioned<Product>, Problem> {
    let approve: ApproveProduct = decision(&app, &caller, body).await?;
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let done = app.commands.approve_product(&context, id, approve).await?;
    changed(&app, &caller, id, &done).await
}

/// Rejects a product
///
/// Not your own. Its owner reads the reason, and the policies that the decision stands on, which are kept as
/// they are now; the operator can require one. What was written from a template has no `{placeholder}` left.
#[utoipa::path(post, path = "/products/{id}/reject/", tag = "products", operation_id = "rejectProduct",
    params(("id" = ProductId, Path)), request_body = RejectProduct,
    responses((status = 200, body = Product), Needs<ModerateProducts>),
    extensions(("x-problems" = json!(["own_product", "already_decided", "not_reviewable", "unfilled_placeholder"]))))]
pub(crate) async fn reject(
    Allowed(caller): Allowed<ModerateProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    Object(body): Object,
) -> Result<Versioned<Product>, Problem> {
    let reject: RejectProduct = decision(&app, &caller, body).await?;
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    let policy_required = app.settings.require_policy;
    let done = app.commands.reject_product(&context, id, reject, policy_required).await?;
    changed(&app, &caller, id, &done).await
}

/// Reads the body of a decision.
async fn decision<T: Deserr<FieldErrors>>(
    app: &App,
    caller: &Caller,
    body: Map<String, Value>,
) -> Result<T, Problem> {
    let referring = Referring::of_decision(&body);
    match Edit::creation(body).read() {
        Ok(decision) => Ok(decision),
        Err(problem) => Err(referring.beside(app, caller, problem).await),
    }
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
