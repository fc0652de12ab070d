//! `/categories/`.

pub(crate) mod examples;

use axum::extract::State;
use axum::response::Response;
use commands::Row;
use domain::category::{CreateCategory, EditCategory};
use domain::{CategoryId, StreamType};
use projections::{Categories, Category, CategoryRow, ReadError, Visibility};

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, Needs, ReadCategories, WriteCategories};
use crate::features::feature::{Feature, SampleId};
use crate::features::resource::{
    Resource, Shown, Versioned, changed, created, expected, expected_of, get, show,
};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::Edit;
use crate::http::input::{Input, Object, no_content};
use crate::http::list::{Here, List};
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::query::{PageQuery, Params};

const WRITABLE: [&str; 2] = ["name", "description"];

/// What there is beside its routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("categories", "The categories of products"),
    ids: &[SampleId { kind: "CategoryId", noun: "category", id: examples::CATEGORY }],
    examples: examples::examples,
    refusals: Vec::new,
    shown: Some(Shown::of::<Category>()),
};

impl Resource for Category {
    const KIND: StreamType = StreamType::Category;

    type Id = CategoryId;

    async fn find(app: &App, caller: &Caller, id: CategoryId) -> Result<Option<Self>, ReadError> {
        let row = Categories(app.pool.clone()).find(id).await?;
        Ok(row.map(|row| row.seen(Visibility::of(caller.actor))))
    }

    fn of_row(_: &App, caller: &Caller, row: &Row) -> Option<Self> {
        let row = row.get::<CategoryRow>().cloned()?;
        Some(row.seen(Visibility::of(caller.actor)))
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/categories/{}/", self.id)
    }

    /// It says how many products are in it that the caller may see.
    fn stands_alone(&self) -> bool {
        false
    }
}

/// Lists categories, newest first
#[utoipa::path(get, path = "/categories/", tag = "categories", operation_id = "listCategories",
    params(PageQuery), responses((status = 200, body = List<Category>), Needs<ReadCategories>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<ReadCategories>,
    State(app): State<App>,
    here: Here,
    mut params: Params,
) -> Result<List<Category>, Problem> {
    let page = params.page();
    params.finish()?;
    let rows = Categories(app.pool.clone()).list(&page).await?;
    let visibility = Visibility::of(caller.actor);
    Ok(here.list(rows.map(|row| row.seen(visibility))))
}

/// Creates a category
#[utoipa::path(post, path = "/categories/", tag = "categories", operation_id = "createCategory",
    request_body = CreateCategory, responses((status = 201, body = Category), Needs<WriteCategories>),
    extensions(("x-problems" = json!(["category_name_taken"]))))]
pub(crate) async fn create(
    Allowed(caller): Allowed<WriteCategories>,
    State(app): State<App>,
    Input(body): Input<CreateCategory>,
) -> Result<Versioned<Category>, Problem> {
    let made = app.commands.create_category(&caller.context(), body).await?;
    created(&app, &caller, &made).await
}

/// Gets a category
#[utoipa::path(get, path = "/categories/{id}/", tag = "categories", operation_id = "getCategory",
    params(("id" = CategoryId, Path)), responses((status = 200, body = Category), (status = 304), Needs<ReadCategories>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<ReadCategories>,
    State(app): State<App>,
    Id(id): Id<CategoryId>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<Category>(&app, &caller, id).await?.or_not_modified(&had))
}

/// Replaces a category
#[utoipa::path(put, path = "/categories/{id}/", tag = "categories", operation_id = "replaceCategory",
    params(("id" = CategoryId, Path)), request_body = CreateCategory,
    responses((status = 200, body = Category), Needs<WriteCategories>),
    extensions(("x-problems" = json!(["category_name_taken", "read_only"]))))]
pub(crate) async fn replace(
    Allowed(caller): Allowed<WriteCategories>,
    State(app): State<App>,
    Id(id): Id<CategoryId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Category>, Problem> {
    let current: Category = get(&app, &caller, id).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = Edit::new(body, &current);
    edit.keep_writable(&WRITABLE);
    let whole: CreateCategory = edit.read()?;
    let done = app.commands.edit_category(&context, id, whole.into()).await?;
    changed(&app, &caller, id, &done).await
}

/// Changes a category
#[utoipa::path(patch, path = "/categories/{id}/", tag = "categories", operation_id = "editCategory",
    params(("id" = CategoryId, Path)), request_body = EditCategory,
    responses((status = 200, body = Category), Needs<WriteCategories>),
    extensions(("x-problems" = json!(["category_name_taken", "read_only"]))))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<WriteCategories>,
    State(app): State<App>,
    Id(id): Id<CategoryId>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Category>, Problem> {
    let current: Category = get(&app, &caller, id).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = Edit::new(body, &current);
    edit.keep_writable(&WRITABLE);
    let done = app.commands.edit_category(&context, id, edit.read()?).await?;
    changed(&app, &caller, id, &done).await
}

/// Deletes an empty category
#[utoipa::path(delete, path = "/categories/{id}/", tag = "categories", operation_id = "deleteCategory",
    params(("id" = CategoryId, Path)), responses((status = 204), Needs<WriteCategories>),
    extensions(("x-problems" = json!(["category_not_empty"]))))]
pub(crate) async fn delete(
    Allowed(caller): Allowed<WriteCategories>,
    State(app): State<App>,
    Id(id): Id<CategoryId>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<Category>(&app, &caller, id, &version).await?);
    app.commands.delete_category(&context, id).await?;
    Ok(no_content())
}
