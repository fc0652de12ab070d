//! `/products/`: what a product goes through. `form.rs` and `upload.rs` take its video in,
//! `media.rs` and `thumbnails.rs` give it out, `history.rs` tells what happened to it.

mod category;
pub(crate) mod examples;
mod form;
pub(crate) mod history;
pub(crate) mod media;
mod range;
mod resource;
pub(crate) mod review;
pub(crate) mod thumbnails;
mod upload;

use axum::extract::{Request, State};
use axum::response::Response;
use commands::{Context, Done, Made};
use domain::product::{EditProduct, ProcessingStatus, ProductError, ProductStatus, SubmitProduct};
use domain::{CategoryId, Currency, Moment, ProductId, Refusal, Refuse};
use projections::{Ordering, Past, Product, ProductFilter, Products, Search, Visibility};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, Needs, ReadProducts, WriteProducts};
use crate::features::feature::{Feature, SampleId};
use crate::features::media_links::{self, Links};
use crate::features::references::Referring;
use crate::features::resource::{
    Shown, Versioned, changed, created, expected, expected_of, get, show,
};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::Edit;
use crate::http::input::{Object, no_content};
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params, Person, query};
use form::{ProductEditForm, ProductForm, Received};

/// What there is beside the routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("products", "Products, their videos, their review and their events"),
    ids: &[SampleId { kind: "ProductId", noun: "product", id: examples::PRODUCT }],
    examples: examples::examples,
    refusals,
    shown: Some(Shown::of::<Product>()),
};

fn refusals() -> Vec<Refusal> {
    let errors = [
        ProductError::OwnProduct,
        ProductError::AlreadyDecided,
        ProductError::NotReviewable,
        ProductError::VideoNotReady,
        ProductError::NotResubmittable,
        ProductError::UnfilledPlaceholder("{colour}".to_owned()),
    ];
    errors.iter().map(Refuse::refusal).collect()
}

const WRITABLE: [&str; 6] =
    ["name", "description", "category", "category_id", "price", "upload_id"];

query! {
    /// Which products, in which order.
    pub(crate) struct ProductQuery {
        /// Those whose review is in this state.
        #[param(value_type = ProductStatus, required = false)]
        status: Option<ProductStatus> = take,
        /// Those of this category.
        #[param(value_type = CategoryId, required = false)]
        category: Option<CategoryId> = id,
        /// Those whose price is in this currency (ISO 4217, in any case).
        #[param(value_type = String, example = "EUR", min_length = 3, max_length = 3, required = false)]
        currency: Option<Currency> = take,
        /// Those that this account submitted: an id, or `me`.
        #[param(value_type = String, example = "me", required = false)]
        uploaded_by: Option<Person> = person,
        /// Those whose video is in this state.
        #[param(value_type = ProcessingStatus, required = false)]
        processing_status: Option<ProcessingStatus> = take,
        /// Those with these words in name or description; `"phrases"`, `or` and `-not` as in a web search.
        #[param(value_type = String, max_length = 500, required = false)]
        q: Option<Search> = take,
        /// The order; with `-` the greatest comes first. By price means by currency, then by amount;
        /// products without a price come last either way.
        #[param(value_type = Ordering, required = false)]
        ordering: Option<Ordering> = take,
    }
}

query! {
    /// A past state; one of the parameters, not both.
    pub(crate) struct PastQuery {
        /// A time (RFC 3339): the product as it was then.
        #[param(value_type = String, format = "date-time", example = "2026-01-31T12:00:00Z", required = false)]
        as_of: Option<Moment> = time,
        /// A version, which is a `sequence` of its timeline: the product as that event left it.
        #[param(value_type = i64, minimum = 1, example = 3, required = false)]
        version: Option<i64> = version,
    }
}

/// The past that is asked for, if any.
fn past(params: &mut Params) -> Option<Past> {
    let PastQuery { as_of, version } = params.query();
    if as_of.is_some() && version.is_some() {
        for name in ["as_of", "version"] {
            params.refuse(name, "Give as_of or version, not both.");
        }
    }
    as_of.map(Past::AsOf).or(version.map(Past::Version))
}

/// Lists products, newest first
///
/// An END_USER sees the products of others that are APPROVED and READY, and all of their own;
/// everybody else sees all products.
#[utoipa::path(get, path = "/products/", tag = "products", operation_id = "listProducts",
    params(ProductQuery, PageQuery), responses((status = 200, body = List<Product>), Needs<ReadProducts>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<ReadProducts>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Product>, Problem> {
    let query: ProductQuery = params.query();
    let page = params.page();
    params.finish()?;
    let filter = ProductFilter {
        status: query.status,
        category: query.category,
        currency: query.currency,
        uploaded_by: query.uploaded_by.map(|person| person.of(caller.user)),
        processing_status: query.processing_status,
        q: query.q,
        ordering: query.ordering.unwrap_or_default(),
    };
    let links = Links::of(&app, &caller);
    let slice =
        Products(app.pool.clone()).list(Visibility::of(caller.actor), &filter, &page).await?;
    Ok(here.list(slice.map(|view| links.show(view))))
}

/// Creates a product
///
/// It is PENDING until a moderator approves it. A video comes as the part `video` of a form, or is
/// uploaded before (`POST /uploads/`) and named by `upload_id`. A file that is not a video makes a
/// product whose `processing_status` is FAILED; its timeline says why.
#[utoipa::path(post, path = "/products/", tag = "products", operation_id = "submitProduct",
    request_body(content((SubmitProduct = "application/json"), (ProductForm = "multipart/form-data"))),
    responses((status = 201, body = Product), Needs<WriteProducts>),
    extensions(("x-problems" = json!(["malformed_multipart", "too_many_parts", "video_too_large"]))))]
pub(crate) async fn submit(
    Allowed(caller): Allowed<WriteProducts>,
    State(app): State<App>,
    request: Request,
) -> Result<Versioned<Product>, Problem> {
    let received = Received::from(request, &app, &caller).await?;
    let referring = Referring::of_product(&received.body);
    match submitted(&app, &caller, received).await {
        Ok(made) => created(&app, &caller, &made).await,
        Err(problem) => Err(referring.beside(&app, &caller, problem).await),
    }
}

async fn submitted(
    app: &App,
    caller: &Caller,
    mut received: Received,
) -> Result<Made<ProductId>, Problem> {
    let submit: SubmitProduct = received.read(|body| {
        let mut edit = Edit::creation(body);
        category::named(&mut edit, None);
        edit.read()
    })?;
    let (commands, context) = (app.commands.clone(), caller.context());
    let video = received.new_video(submit.upload_id)?;
    upload::take_over(received.video, async move {
        commands.submit_product(&context, submit.into(), video).await
    })
    .await
}

/// Gets a product
///
/// With `as_of` or `version` the product as it was then: for its owner, STAFF, ADMIN and AUDITOR.
/// 404 for a time or version that it does not have, or at which it was deleted.
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
        return Ok(show::<Product>(&app, &caller, id).await?.or_not_modified(&had));
    };
    let visibility = Visibility::of(caller.actor);
    match Products(app.pool.clone()).past(visibility, id, past).await? {
        Some(view) => Ok(Versioned::ok(Links::of(&app, &caller).show(view)).or_not_modified(&had)),
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

/// Replaces a product
///
/// Your own, or as an ADMIN any. A product that was approved or rejected goes back to review.
#[utoipa::path(put, path = "/products/{id}/", tag = "products", operation_id = "replaceProduct",
    params(("id" = ProductId, Path)),
    request_body(content((SubmitProduct = "application/json"), (ProductForm = "multipart/form-data"))),
    responses((status = 200, body = Product), Needs<WriteProducts>),
    extensions(("x-problems" = json!(["malformed_multipart", "too_many_parts", "read_only", "video_too_large"]))))]
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

/// Changes a product
///
/// Your own, or as an ADMIN any. A product that was approved or rejected goes back to review.
#[utoipa::path(patch, path = "/products/{id}/", tag = "products", operation_id = "editProduct",
    params(("id" = ProductId, Path)),
    request_body(content((EditProduct = "application/json"), (ProductEditForm = "multipart/form-data"))),
    responses((status = 200, body = Product), Needs<WriteProducts>),
    extensions(("x-problems" = json!(["malformed_multipart", "too_many_parts", "read_only", "video_too_large"]))))]
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
    let received = Received::from(request, &app, &caller).await?;
    let referring = Referring::of_product(&received.body);
    let edited = edited(&app, context, &current, received, read).await;
    match edited {
        Ok(done) => changed(&app, &caller, id, &done).await,
        Err(problem) => Err(referring.beside(&app, &caller, problem).await),
    }
}

async fn edited(
    app: &App,
    context: Context,
    current: &Product,
    mut received: Received,
    read: impl FnOnce(Edit) -> Result<EditProduct, Problem>,
) -> Result<Done, Problem> {
    let edit = received.read(|body| {
        let mut edit = Edit::new(Object(body), current);
        media_links::renew(&mut edit);
        edit.keep_writable(&WRITABLE);
        category::named(&mut edit, Some(&current.category));
        read(edit)
    })?;
    let (commands, id) = (app.commands.clone(), current.id);
    let video = received.new_video(edit.upload_id.0)?;
    upload::take_over(received.video, async move {
        commands.edit_product(&context, id, edit, video).await
    })
    .await
}

/// Deletes a product
///
/// Your own, or as an ADMIN any. It leaves every list; its history stays.
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
