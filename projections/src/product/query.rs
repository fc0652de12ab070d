//! Queries on products.

use domain::{CategoryId, ProductId, StreamId, StreamType, UserId};
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list::{self, JOINS, Part};
use super::{Product, ProductFilter, ProductRow, ProductView};
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
        let owner = match visibility {
            Visibility::Everything => None,
            Visibility::Own(user) => Some(user.uuid()),
            Visibility::Nothing => return Ok(None),
        };
        let columns: Vec<_> =
            ProductRow::TABLE.columns.iter().map(|column| format!("p.{column}")).collect();
        let sql = format!(
            "SELECT {}, c.name AS category_name, c.description AS category_description, j.progress \
             FROM products p {JOINS} WHERE p.id = $1 AND NOT p.deleted \
             AND ($2::uuid IS NULL OR p.owner_id = $2 OR p.listed)",
            columns.join(", ")
        );
        Ok(sqlx::query_as(&sql).bind(id.uuid()).bind(owner).fetch_optional(&self.0).await?)
    }

    /// A page of the products that match.
    pub async fn list(
        &self,
        visibility: Visibility,
        filter: &ProductFilter,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        self.page(&list::parts(visibility, filter), filter, page).await
    }

    /// A page of what somebody ever submitted, deleted ones too, newest first.
    pub async fn uploads_of(
        &self,
        user: UserId,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        self.page(&list::uploads(user), &ProductFilter::default(), page).await
    }

    /// The product as it was at that time, for whom it is no less than their own.
    pub async fn as_of(
        &self,
        visibility: Visibility,
        id: ProductId,
        at: OffsetDateTime,
    ) -> Result<Option<Product>, ReadError> {
        let row = self.folded::<ProductRow>(StreamType::Product, id.uuid(), at).await?;
        let Some(row) = row.filter(|row| !row.deleted && visibility.covers(row.owner_id)) else {
            return Ok(None);
        };
        let category = self.category_as_of(row.category_id, at).await?;
        let (category_name, category_description) =
            category.map(|category| (category.name, category.description)).unzip();
        let view = ProductView { row, category_name, category_description, progress: None };
        Ok(Some(view.into()))
    }

    async fn category_as_of(
        &self,
        id: CategoryId,
        at: OffsetDateTime,
    ) -> Result<Option<CategoryRow>, ReadError> {
        self.folded(StreamType::Category, id.uuid(), at).await
    }

    async fn folded<F: Fold>(
        &self,
        kind: StreamType,
        id: Uuid,
        at: OffsetDateTime,
    ) -> Result<Option<F>, ReadError> {
        let mut conn = self.0.acquire().await?;
        let events = log::stream(&mut conn, StreamId { kind, id }, Some(at)).await?;
        Ok(events.iter().fold(None, |row, recorded| F::fold(row, id, recorded)))
    }

    async fn page(
        &self,
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
        Ok(scan.slice(query.fetch_all(&self.0).await?))
    }
}
