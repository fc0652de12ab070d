//! The shelves of the catalogue.

use domain::category::CategoryEvent;
use domain::product::{ProductChanges, ProductEvent};
use domain::{CategoryId, Event, Recorded};
use serde::Serialize;
use sqlx::{FromRow, PgPool, QueryBuilder};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::page::{Keyed, Scan};
use crate::{Fold, Key, Ordering, Page, ReadError, Slice, SortBy, Table};

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
    /// The stream's sequence.
    pub version: i64,
    /// When it was made.
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
    /// Which category.
    pub id: CategoryId,
    /// Its name; no two categories share one.
    pub name: String,
    /// What belongs there.
    pub description: String,
    /// Products in it, listed or not.
    pub product_count: i64,
    /// Counts what happened to it.
    pub version: i64,
    /// When it was made.
    #[serde(with = "crate::timestamp")]
    pub created_at: OffsetDateTime,
    /// When it last was changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: OffsetDateTime,
}

impl Fold for CategoryRow {
    const TABLE: Table = Table::new(
        "categories",
        1,
        &[
            "id",
            "name",
            "description",
            "product_count",
            "version",
            "created_at",
            "updated_at",
            "created_position",
        ],
    );

    fn keys(recorded: &Recorded) -> Vec<Uuid> {
        match &recorded.event {
            Event::Category(_) => vec![recorded.stream.id],
            Event::Product(event) => counts(event).into_iter().map(|(id, _)| id.uuid()).collect(),
            Event::User(_) | Event::Order(_) => vec![],
        }
    }

    fn fold(row: Option<Self>, key: Uuid, recorded: &Recorded) -> Option<Self> {
        match &recorded.event {
            Event::Category(event) => Self::evolve(row, event, recorded),
            Event::Product(event) => {
                let mut row = row?;
                let here = counts(event).into_iter().filter(|(id, _)| id.uuid() == key);
                row.product_count += here.map(|(_, change)| change).sum::<i64>();
                Some(row)
            }
            Event::User(_) | Event::Order(_) => row,
        }
    }

    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

/// How many products more or fewer an event leaves in which categories.
fn counts(event: &ProductEvent) -> Vec<(CategoryId, i64)> {
    use ProductEvent as E;
    match event {
        E::ProductSubmitted { details, .. } => vec![(details.category, 1)],
        E::ProductEdited { changes: ProductChanges { category: Some(moved), .. } } => {
            vec![(moved.from, -1), (moved.to, 1)]
        }
        E::ProductDeleted { category } => vec![(*category, -1)],
        E::ProductEdited { changes: ProductChanges { category: None, .. } }
        | E::VideoUploaded { .. }
        | E::VideoFinalized { .. }
        | E::VideoFailed { .. }
        | E::ProductReturnedToReview { .. }
        | E::ProductApproved { .. }
        | E::ProductRejected { .. }
        | E::ProductCancelled { .. }
        | E::ProductResubmitted { .. } => vec![],
    }
}

impl CategoryRow {
    fn evolve(row: Option<Self>, event: &CategoryEvent, recorded: &Recorded) -> Option<Self> {
        match event {
            CategoryEvent::CategoryCreated { name, description } => Some(Self {
                id: CategoryId::from_uuid(recorded.stream.id),
                name: name.to_string(),
                description: description.to_string(),
                product_count: 0,
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
}

impl From<CategoryRow> for Category {
    fn from(row: CategoryRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            product_count: row.product_count,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Keyed for CategoryRow {
    fn key(&self, _: SortBy) -> Key {
        Key::Position(self.created_position)
    }
}

/// Categories, to be found and listed; whoever is signed in sees them all.
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
        scan.push_order(&mut sql);
        Ok(scan.slice(sql.build_query_as().fetch_all(&self.0).await?))
    }
}
