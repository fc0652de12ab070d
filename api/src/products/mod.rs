//! `/products/`: what a product goes through. `form.rs` and `upload.rs` take its video in,
//! `media.rs` and `thumbnails.rs` give it out, `history.rs` tells what happened to it.

mod category;
mod form;
pub(crate) mod history;
pub(crate) mod media;
mod range;
pub(crate) mod review;
pub(crate) mod thumbnails;
mod upload;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::product::{EditProduct, ProcessingStatus, ProductStatus, SubmitProduct};
use domain::{CategoryId, Currency, ProductId, UserId};
use projections::{Ordering, Past, Product, ProductFilter, Products, Visibility};
use utoipa::IntoParams;

use crate::App;
use crate::caller::Caller;
use crate::conditional::{IfMatch, IfNoneMatch, Versioned};
use crate::edit::Edit;
use crate::input::{Object, no_content, read};
use crate::list::{Here, List};
use crate::media_links::{self, Links};
use crate::openapi::Needs;
use crate::path::Id;
use crate::permission::{Allowed, ReadProducts, WriteProducts};
use crate::problem::Problem;
use crate::query::{PageQuery, Params};
use crate::resource::{changed, created, expected, expected_of, get, show};
use form::{ProductForm, Received};

const WRITABLE: [&str; 6] =
    ["name", "description", "category", "category_id", "price", "upload_id"];

/// Which products, in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct ProductQuery {
    /// Where their review is.
    #[param(required = false)]
    status: ProductStatus,
    /// Where they belong.
    #[param(required = false)]
    category: CategoryId,
    /// What their price is in (ISO 4217), in any case; leaves out what has no price.
    #[param(required = false, value_type = String, example = "EUR", min_length = 3, max_length = 3)]
    currency: Currency,
    /// Who submitted them: an id, or `me`.
    #[param(required = false, value_type = String)]
    uploaded_by: UserId,
    /// Where their video is.
    #[param(required = false)]
    processing_status: ProcessingStatus,
    /// Words that name or description has; `"phrases"`, `or` and `-not` as in a web search.
    #[param(required = false, max_length = 500)]
    q: String,
    /// `created_at`, `name` or `price`; with `-` the greatest first. By price means by currency, then
    /// by amount within it: amounts of different currencies are not compared. What has no price comes
    /// last either way.
    #[param(required = false, value_type = String, example = "-created_at",
        pattern = "^-?(created_at|name|price)$")]
    ordering: Ordering,
}

/// Which past; either parameter, not both.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct PastQuery {
    /// Show it as it was then (RFC 3339); for its owner, STAFF, ADMIN and AUDITOR.
    #[param(required = false, value_type = String, format = "date-time")]
    as_of: String,
    /// Show it as that version left it: a `sequence` of its timeline; for the same callers.
    #[param(required = false, minimum = 1)]
    version: i64,
}

/// The past that is asked for, if any.
fn past(params: &mut Params) -> Option<Past> {
    let (as_of, version) = (params.time("as_of"), params.version("version"));
    if as_of.is_some() && version.is_some() {
        for name in ["as_of", "version"] {
            params.refuse(name, "Give as_of or version, not both.");
        }
    }
    as_of.map(Past::AsOf).or(version.map(Past::Version))
}

/// Lists the products that the caller may see, newest first.
#[utoipa::path(get, path = "/products/", tag = "products", operation_id = "listProducts",
    params(ProductQuery, PageQuery), responses((status = 200, body = List<Product>), Needs<ReadProducts>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Product>, Problem> {
    let filter = ProductFilter {
        status: params.take("status"),
        category: params.id("category"),
        currency: params.take("currency"),
        uploaded_by: params.user("uploaded_by", &caller),
        processing_status: params.take("processing_status"),
        q: params.take("q"),
        ordering: params.take("ordering").unwrap_or_default(),
    };
    let page = params.page();
    params.finish()?;
    let links = Links::of(&app, &caller);
    let slice =
        Products(app.pool.clone()).list(Visibility::of(caller.actor), &filter, &page).await?;
    Ok(here.list(slice.map(|view| links.show(view))))
}

/// Hands a product in for review, with a video if it is sent as a form.
#[utoipa::path(post, path = "/products/", tag = "products", operation_id = "submitProduct",
    request_body(content((SubmitProduct = "application/json"), (ProductForm = "multipart/form-data"))),
    responses((status = 201, body = Product), Needs<WriteProducts>))]
pub(crate) async fn submit(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    request: Request,
) -> Result<Versioned<Product>, Problem> {
    let mut received = Received::from(request, &app, &caller).await?;
    let submit: SubmitProduct = received.read(|mut body| {
        category::named(&mut body, None)?;
        Ok(read(body)?)
    })?;
    let (commands, context) = (app.commands.clone(), caller.context());
    let video = received.new_video(submit.upload_id)?;
    let made = upload::take_over(received.video, async move {
        commands.submit_product(&context, submit.into(), video).await
    })
    .await?;
    created(&app, &caller, &made).await
}

/// Gets one product, or how it was with `as_of` or `version`.
///
/// A past that the product does not have, or in which it was deleted, answers 404.
#[utoipa::path(get, path = "/products/{id}/", tag = "products", operation_id = "getProduct",
    params(("id" = ProductId, Path), PastQuery),
    responses((status = 200, body = Product), (status = 304), Needs<ReadProducts>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    mut params: Params,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    let past = past(&mut params);
    params.finish()?;
    let Some(past) = past else {
        return Ok(show::<Product>(&app, &caller, id).await?.unless(&had));
    };
    let visibility = Visibility::of(caller.actor);
    match Products(app.pool.clone()).past(visibility, id, past).await? {
        Some(view) => Ok(Versioned::ok(Links::of(&app, &caller).show(view)).unless(&had)),
        None => Err(not_ones_own(&app, &caller, id).await),
    }
}

/// Why the past of a product is not shown: 403 where the caller sees its present in the
/// catalogue, 404 otherwise.
async fn not_ones_own(app: &App, caller: &Caller, id: ProductId) -> Problem {
    match get::<Product>(app, caller, id).await {
        Ok(product) if !Visibility::of(caller.actor).covers(product.uploaded_by) => {
            Problem::permission_denied()
        }
        Ok(_) => Problem::not_found(),
        Err(problem) => problem,
    }
}

/// Says anew what a product is; one that was judged goes back to review.
#[utoipa::path(put, path = "/products/{id}/", tag = "products", operation_id = "replaceProduct",
    params(("id" = ProductId, Path)),
    request_body(content((SubmitProduct = "application/json"), (ProductForm = "multipart/form-data"))),
    responses((status = 200, body = Product), Needs<WriteProducts>))]
pub(crate) async fn replace(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    request: Request,
) -> Result<Versioned<Product>, Problem> {
    change(app, caller, id, version, request, |edit| {
        edit.read::<SubmitProduct>().map(EditProduct::from)
    })
    .await
}

/// Changes a product; one that was judged goes back to review.
#[utoipa::path(patch, path = "/products/{id}/", tag = "products", operation_id = "editProduct",
    params(("id" = ProductId, Path)),
    request_body(content((EditProduct = "application/json"), (ProductForm = "multipart/form-data"))),
    responses((status = 200, body = Product), Needs<WriteProducts>))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
    request: Request,
) -> Result<Versioned<Product>, Problem> {
    change(app, caller, id, version, request, Edit::read).await
}

async fn change(
    app: App,
    caller: Caller,
    id: ProductId,
    version: IfMatch,
    request: Request,
    read: impl FnOnce(Edit) -> Result<EditProduct, Problem>,
) -> Result<Versioned<Product>, Problem> {
    let current: Product = get(&app, &caller, id).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut received = Received::from(request, &app, &caller).await?;
    let edit = received.read(|body| {
        let mut edit = Edit::new(Object(body), &current);
        media_links::renew(&mut edit);
        edit.keep_writable(&WRITABLE);
        for field in category::named(&mut edit.body, Some(&current.category))? {
            edit.changed(field);
        }
        read(edit)
    })?;
    let commands = app.commands.clone();
    let video = received.new_video(edit.upload_id.0)?;
    let done = upload::take_over(received.video, async move {
        commands.edit_product(&context, id, edit, video).await
    })
    .await?;
    changed(&app, &caller, id, &done).await
}

/// Takes a product out of every list; its history stays.
#[utoipa::path(delete, path = "/products/{id}/", tag = "products", operation_id = "deleteProduct",
    params(("id" = ProductId, Path)), responses((status = 204), Needs<WriteProducts>))]
pub(crate) async fn delete(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    Id(id): Id<ProductId>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<Product>(&app, &caller, id, &version).await?);
    app.commands.delete_product(&context, id).await?;
    Ok(no_content())
}
