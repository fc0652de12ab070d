//! The shelves of the catalogue. What happens to a product does not say which category it is in and
//! whether it is listed, so products are counted by what becomes of their rows.

use std::collections::HashMap;
use std::sync::Arc;

use domain::category::CategoryEvent;
use domain::{CategoryId, Recorded};
use pool::{PgConnection, PgPool};
use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::machine::{self, Change};
use crate::scan::{Keyed, Scan, Section};
use crate::{
    Fold, Key, Ordering, Page, ProductRow, ProjectionError, ReadError, Slice, SortBy, Table,
    Visibility,
};

/// A row of `categories`.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct CategoryRow {
    /// Which category.
    #[sqlx(try_from = "Uuid")]
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Products in it that are not deleted.
    pub product_count: i64,
    /// Those of them that everybody may see.
    pub listed_count: i64,
    /// The stream's sequence.
    pub version: i64,
    /// When it was created.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
    /// The position of its first event.
    pub created_position: i64,
}

/// A category.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Category {
    /// The category's id.
    pub id: CategoryId,
    /// Its name, unique without regard to case.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The number of its products: all of them for STAFF, ADMIN and AUDITOR, the listed ones for END_USER.
    pub product_count: i64,
    /// Its version: counts its events.
    pub version: i64,
    /// When it was made.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

impl Fold for CategoryRow {
    type Event = CategoryEvent;

    const TABLE: Table = Table::new(
        "categories",
        2,
        &[
            "id",
            "name",
            "description",
            "product_count",
            "listed_count",
            "version",
            "created_at",
            "updated_at",
            "created_position",
        ],
    );

    fn fold(row: Option<Self>, event: &CategoryEvent, recorded: &Recorded) -> Option<Self> {
        match event {
            CategoryEvent::CategoryCreated { name, description } => Some(Self {
                id: CategoryId::from_uuid(recorded.stream.id),
                name: name.to_string(),
                description: description.to_string(),
                product_count: 0,
                listed_count: 0,
                version: recorded.sequence,
                created_at: recorded.at,
                updated_at: recorded.at,
                created_position: recorded.position,
            }),
            CategoryEvent::CategoryEdited { changes } => {
                let mut row = row?;
                if let Some(name) = &changes.name {
                    row.name = name.to.to_string();
                }
                if let Some(description) = &changes.description {
                    row.description = description.to.to_string();
                }
                row.version = recorded.sequence;
                row.updated_at = recorded.at;
                Some(row)
            }
            CategoryEvent::CategoryDeleted => None,
        }
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

/// Products in each category, counted by their last rows.
#[derive(Default)]
pub(crate) struct Counts(HashMap<CategoryId, (i64, i64)>);

impl Counts {
    pub(crate) fn add(&mut self, product: &ProductRow) {
        if let Some((category, listed)) = place(Some(product)) {
            let (products, of_them_listed) = self.0.entry(category).or_default();
            *products += 1;
            *of_them_listed += i64::from(listed);
        }
    }

    /// Gives a row its counts, which its own events alone have made.
    pub(crate) fn give(&self, row: &mut CategoryRow) {
        (row.product_count, row.listed_count) = self.0.get(&row.id).copied().unwrap_or_default();
    }
}

/// Folds a batch whose products have been folded already.
pub(crate) async fn fold(
    conn: &mut PgConnection,
    suffix: &str,
    recorded: &[Recorded],
    products: &[Change<ProductRow>],
    known: impl Fn(Uuid) -> Option<Arc<CategoryRow>>,
) -> Result<Vec<Change<CategoryRow>>, ProjectionError> {
    let moved = moved(products);
    let touched: Vec<_> = moved.keys().copied().collect();
    let count = |row: &mut CategoryRow| {
        for product in moved.get(&row.id.uuid()).into_iter().flatten() {
            row.count(product.before.as_deref(), product.after.as_deref());
        }
    };
    machine::fold_and_amend(conn, suffix, recorded, known, &touched, count).await
}

/// The products that come to a category, leave it, or are listed there or no longer, by category.
fn moved(products: &[Change<ProductRow>]) -> HashMap<Uuid, Vec<&Change<ProductRow>>> {
    let mut moved: HashMap<_, Vec<_>> = HashMap::new();
    for product in products {
        let (had, has) = (place(product.before.as_deref()), place(product.after.as_deref()));
        if had == has {
            continue;
        }
        let had = had.map(|(category, _)| category);
        let has = has.map(|(category, _)| category).filter(|category| had != Some(*category));
        for category in [had, has].into_iter().flatten() {
            moved.entry(category.uuid()).or_default().push(product);
        }
    }
    moved
}

/// Where a product is counted, and whether as a listed one.
fn place(product: Option<&ProductRow>) -> Option<(CategoryId, bool)> {
    product.filter(|row| !row.deleted).map(|row| (row.category_id, row.listed))
}

impl CategoryRow {
    /// Counts what a product's row was, and what it has become.
    pub fn count(&mut self, before: Option<&ProductRow>, after: Option<&ProductRow>) {
        for (row, change) in [(before, -1), (after, 1)] {
            if let Some((category, listed)) = place(row)
                && category == self.id
            {
                self.product_count += change;
                self.listed_count += if listed { change } else { 0 };
            }
        }
    }

    /// The category as an actor may see it.
    pub fn seen(self, visibility: Visibility) -> Category {
        let product_count = match visibility {
            Visibility::Everything => self.product_count,
            Visibility::Own(_) | Visibility::Nothing => self.listed_count,
        };
        Category {
            id: self.id,
            name: self.name,
            description: self.description,
            product_count,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl Keyed for CategoryRow {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.created_position)
    }
}

/// Finds and lists categories; everybody who is signed in sees all.
#[derive(Clone, Debug)]
pub struct Categories(pub PgPool);

impl Categories {
    /// One category.
    pub async fn find(&self, id: CategoryId) -> Result<Option<CategoryRow>, ReadError> {
        let columns = CategoryRow::TABLE.column_list();
        let sql = format!("SELECT {columns} FROM categories WHERE id = $1");
        Ok(sqlx::query_as(&sql).bind(id.uuid()).fetch_optional(&self.0).await?)
    }

    /// A page of them, newest first.
    pub async fn list(&self, page: &Page) -> Result<Slice<CategoryRow>, ReadError> {
        let scan = Scan::try_new(page, Ordering::NEWEST)?;
        let columns = CategoryRow::TABLE.column_list();
        let mut sql = QueryBuilder::new(format!("SELECT {columns} FROM categories WHERE true"));
        scan.push_after(&mut sql);
        scan.push_order(&mut sql, Section::Whole, scan.rows());
        Ok(scan.slice(sql.build_query_as().fetch_all(&self.0).await?.into()))
    }
}

/// Whether no product is in a category; under the log's lock it stays true.
pub(crate) async fn is_empty(
    conn: &mut PgConnection,
    category: CategoryId,
) -> Result<bool, ProjectionError> {
    let count = sqlx::query_scalar("SELECT product_count FROM categories WHERE id = $1")
        .bind(category.uuid())
        .fetch_optional(conn);
    let count: Option<i64> = count.await.map_err(CategoryRow::TABLE.failed())?;
    Ok(count.unwrap_or(0) == 0)
}
