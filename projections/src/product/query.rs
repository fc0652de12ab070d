//! Queries on products.

use domain::{ProductId, UserId};
use pool::{PgConnection, PgPool};
use sqlx::FromRow;
use uuid::Uuid;

use super::list::{self, Scope};
use super::view::{JOINS, selected};
use super::{ProductFilter, ProductRow, ProductView, gone};
use crate::scan::Scan;
use crate::{Fold, Page, ProjectionError, ReadError, Slice, Visibility};

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

    /// Finds a product, and where the log was at that moment.
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
            "{}, {} AS head FROM products p {JOINS} \
             WHERE p.id = $1 AND NOT p.deleted \
             AND ($2::uuid IS NULL OR p.owner_id = $2 OR p.listed)",
            selected(),
            log::HEAD
        );
        Ok(sqlx::query_as(&sql).bind(id.uuid()).bind(owner).fetch_optional(&self.0).await?)
    }

    /// These products, deleted ones too, without regard to visibility.
    pub async fn all_of(&self, ids: &[ProductId]) -> Result<Vec<ProductView>, ReadError> {
        let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
        let sql = format!("{} FROM products p {JOINS} WHERE p.id = ANY($1)", selected());
        let mut conn = self.0.acquire().await?;
        let mut views = sqlx::query_as(&sql).bind(ids).fetch_all(&mut *conn).await?;
        gone::name_categories(&mut conn, &mut views).await?;
        Ok(views)
    }

    /// A page of the products that match.
    pub async fn list(
        &self,
        visibility: Visibility,
        filter: &ProductFilter,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        let mut conn = self.0.acquire().await?;
        page_of(&mut conn, &list::scopes(visibility, filter), filter, page).await
    }

    /// Lists products, and where the log was at that moment.
    pub async fn list_at(
        &self,
        visibility: Visibility,
        filter: &ProductFilter,
        page: &Page,
    ) -> Result<(i64, Slice<ProductView>), ReadError> {
        let one_moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut moment = self.0.begin_with(one_moment).await?;
        let head = log::head(&mut moment).await?;
        let scopes = list::scopes(visibility, filter);
        let slice = page_of(&mut moment, &scopes, filter, page).await?;
        moment.commit().await?;
        Ok((head, slice))
    }

    /// A page of what somebody ever submitted, deleted ones too, newest first.
    pub async fn uploads_of(
        &self,
        user: UserId,
        page: &Page,
    ) -> Result<Slice<ProductView>, ReadError> {
        let mut conn = self.0.acquire().await?;
        page_of(&mut conn, &list::uploads(user), &ProductFilter::default(), page).await
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

async fn page_of(
    conn: &mut PgConnection,
    scopes: &[Scope],
    filter: &ProductFilter,
    page: &Page,
) -> Result<Slice<ProductView>, ReadError> {
    let scan = Scan::try_new(page, filter.ordering)?.in_currency(filter.currency)?;
    let mut found = list::listing(scopes, filter).fetch(&mut *conn, &scan).await?;
    gone::name_categories(conn, &mut found.rows).await?;
    Ok(scan.slice(found))
}

/// Products of a person that are not withdrawn.
pub(crate) async fn open_of(
    conn: &mut PgConnection,
    person: UserId,
) -> Result<Vec<ProductId>, ProjectionError> {
    // As the index of owners has it.
    let open = "SELECT id FROM products WHERE owner_id = $1 AND NOT deleted
                AND created_at >= '-infinity' AND status <> 'CANCELLED'";
    let open: Result<Vec<Uuid>, _> =
        sqlx::query_scalar(open).bind(person.uuid()).fetch_all(conn).await;
    let open = open.map_err(ProductRow::TABLE.failed())?;
    Ok(open.into_iter().map(ProductId::from_uuid).collect())
}
