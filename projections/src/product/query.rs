//! Queries on products.

use domain::{CategoryId, Moment, ProductId, StreamId, StreamType, UserId};
use sqlx::{FromRow, PgExecutor, PgPool};
use uuid::Uuid;

use super::list::{self, JOINS, Part};
use super::{ProductFilter, ProductRow, ProductView};
use crate::page::Scan;
use crate::{CategoryRow, Fold, Page, ReadError, Slice, Visibility, log};

/// Products, to be found and listed.
#[derive(Clone, Debug)]
pub struct Products(pub PgPool);

impl Products {
    /// One product, unless it is deleted or out of sight.
    pub async fn find(
        &self,
        visibility: Visibility,
        id: ProductId,
    ) -> Result<Option<ProductView>, ReadError> {
        Ok(self.find_at(visibility, id).await?.map(|found| found.view))
    }

    /// The same with where the log was at that very moment.
    pub async fn find_at(
        &self,
        visibility: Visibility,
        id: ProductId,
    ) -> Result<Option<ProductAt>, ReadError> {
        let owner = match visibility {
            Visibility::Everything => None,
            Visibility::Own(user) => Some(user.uuid()),
            Visibility::Nothing => return Ok(None),
        };
        let sql = format!(
            "{}, (SELECT position FROM log_head) AS head FROM products p {JOINS} \
             WHERE p.id = $1 AND NOT p.deleted \
             AND ($2::uuid IS NULL OR p.owner_id = $2 OR p.listed)",
            selected()
        );
        Ok(sqlx::query_as(&sql).bind(id.uuid()).bind(owner).fetch_optional(&self.0).await?)
    }

    /// These products, deleted ones too, whoever may see them.
    pub async fn all_of(&self, ids: &[ProductId]) -> Result<Vec<ProductView>, ReadError> {
        let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
        let sql = format!("{} FROM products p {JOINS} WHERE p.id = ANY($1)", selected());
        Ok(sqlx::query_as(&sql).bind(ids).fetch_all(&self.0).await?)
    }

    /// A page of the products that match.
    pub async fn list(
        &self,
        visibility: Visibility,
        filter: &ProductFilter,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        page_of(&self.0, &list::parts(visibility, filter), filter, page).await
    }

    /// The same with where the log was at that very moment.
    pub async fn list_at(
        &self,
        visibility: Visibility,
        filter: &ProductFilter,
        page: &Page,
    ) -> Result<(i64, Slice<ProductView>), ReadError> {
        let one_moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut moment = self.0.begin_with(one_moment).await?;
        let head = log::head(&mut moment).await?;
        let parts = list::parts(visibility, filter);
        let slice = page_of(&mut *moment, &parts, filter, page).await?;
        moment.commit().await?;
        Ok((head, slice))
    }

    /// A page of what somebody ever submitted, deleted ones too, newest first.
    pub async fn uploads_of(
        &self,
        user: UserId,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        page_of(&self.0, &list::uploads(user), &ProductFilter::default(), page).await
    }

    /// The product as it was at that time, for whom it is no less than their own.
    pub async fn as_of(
        &self,
        visibility: Visibility,
        id: ProductId,
        at: Moment,
    ) -> Result<Option<ProductView>, ReadError> {
        let row = self.folded::<ProductRow>(StreamType::Product, id.uuid(), at).await?;
        let Some(row) = row.filter(|row| !row.deleted && visibility.covers(row.owner_id)) else {
            return Ok(None);
        };
        let category = self.category_as_of(row.category_id, at).await?;
        let (category_name, category_description) =
            category.map(|category| (category.name, category.description)).unzip();
        Ok(Some(ProductView { row, category_name, category_description, progress: None }))
    }

    async fn category_as_of(
        &self,
        id: CategoryId,
        at: Moment,
    ) -> Result<Option<CategoryRow>, ReadError> {
        self.folded(StreamType::Category, id.uuid(), at).await
    }

    async fn folded<F: Fold>(
        &self,
        kind: StreamType,
        id: Uuid,
        at: Moment,
    ) -> Result<Option<F>, ReadError> {
        let mut conn = self.0.acquire().await?;
        let events = log::stream(&mut conn, StreamId { kind, id }, Some(at)).await?;
        Ok(events.iter().fold(None, |row, recorded| F::fold(row, id, recorded)))
    }
}

/// A product, and where the log was when it was so.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct ProductAt {
    /// The position of the newest event by then.
    pub head: i64,
    /// The product.
    #[sqlx(flatten)]
    pub view: ProductView,
}

/// What a view takes, up to the tables that it is taken from.
fn selected() -> String {
    let columns: Vec<_> =
        ProductRow::TABLE.columns.iter().map(|column| format!("p.{column}")).collect();
    format!(
        "SELECT {}, c.name AS category_name, c.description AS category_description, j.progress",
        columns.join(", ")
    )
}

async fn page_of(
    executor: impl PgExecutor<'_>,
    parts: &[Part],
    filter: &ProductFilter,
    page: &Page,
) -> Result<Slice<ProductView>, ReadError> {
    let scan = Scan::try_new(page, filter.ordering)?;
    if parts.is_empty() {
        return Ok(Slice::empty());
    }
    let mut sql = list::statement(parts, filter, &scan);
    // How rare the words are decides which plan is good, so none is kept.
    let query = sql.build_query_as().persistent(filter.q.is_none());
    Ok(scan.slice(query.fetch_all(executor).await?))
}
