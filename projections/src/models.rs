//! All read models, and what is done to them together.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use domain::product::ProcessingStatus;
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamId, StreamType, UserId};
use futures::future::BoxFuture;
use pool::PgConnection;
use uuid::Uuid;

use crate::machine::{self, Change, Fold, Kept, Table, Write};
use crate::{
    CategoryRow, OrderRow, ProductRow, ProductView, ProjectionError, RebuildError, UserRow,
    category,
};

/// A read model, whatever its rows are.
pub(crate) trait Model: Send + Sync {
    /// What it is kept in.
    fn tables(&self) -> &'static [Table];

    /// Brings the tables, or their copies with that suffix, up to date with a batch.
    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>>;
}

/// A table whose rows are folded from events alone.
struct Of<F>(PhantomData<F>);

impl<F: Fold> Of<F> {
    const TABLES: &'static [Table] = &[F::TABLE];

    async fn fold(
        conn: &mut PgConnection,
        suffix: &str,
        recorded: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let changes = machine::fold::<F>(conn, suffix, recorded, |_| None).await?;
        machine::write(conn, suffix, &changes).await
    }
}

impl<F: Fold> Model for Of<F> {
    fn tables(&self) -> &'static [Table] {
        Self::TABLES
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(Self::fold(conn, suffix, recorded))
    }
}

/// Products, and categories, which count them: one can't be made again without the other.
struct Catalogue;

impl Catalogue {
    async fn fold(
        conn: &mut PgConnection,
        suffix: &str,
        recorded: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let products = machine::fold::<ProductRow>(conn, suffix, recorded, |_| None).await?;
        let categories = category::fold(conn, suffix, recorded, &products, |_| None).await?;
        machine::write(conn, suffix, &products).await?;
        machine::write(conn, suffix, &categories).await
    }
}

impl Model for Catalogue {
    fn tables(&self) -> &'static [Table] {
        const { &[ProductRow::TABLE, CategoryRow::TABLE] }
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(Self::fold(conn, suffix, recorded))
    }
}

/// Every read model that there is.
pub(crate) static MODELS: [&dyn Model; 3] =
    [&Catalogue, &Of::<OrderRow>(PhantomData), &Of::<UserRow>(PhantomData)];

/// What these models are kept in.
pub(crate) fn tables(models: &[&'static dyn Model]) -> impl Iterator<Item = &'static Table> {
    models.iter().flat_map(|model| model.tables())
}

/// Those that tables of these names are of; all of them where none is given.
pub(crate) fn named(names: Option<&[&str]>) -> Result<Vec<&'static dyn Model>, RebuildError> {
    let Some(names) = names else { return Ok(MODELS.to_vec()) };
    if let Some(name) = names.iter().find(|name| tables(&MODELS).all(|table| table.name != **name))
    {
        let known = tables(&MODELS).map(|table| table.name).collect::<Vec<_>>().join(", ");
        return Err(RebuildError::Unknown { name: (*name).to_owned(), known });
    }
    let is_named =
        |model: &&&dyn Model| model.tables().iter().any(|table| names.contains(&table.name));
    Ok(MODELS.iter().filter(is_named).copied().collect())
}

/// Categories that are kept in memory.
const CATEGORIES: u64 = 1_000;

/// A row, of whichever type.
pub type AnyRow = Arc<dyn Any + Send + Sync>;

/// The read models as the append keeps them, for one writer at a time. It remembers categories,
/// which other streams change too; what one stream makes alone is remembered with that stream.
pub struct ReadModels {
    categories: Kept<CategoryRow>,
}

/// What a batch makes of the read models.
#[derive(Default)]
pub struct Folded {
    /// To be written in the append's own transaction, in any order.
    pub writes: Vec<Write>,
    /// The rows of streams that alone make them: [`ProductRow`], [`OrderRow`] or [`UserRow`].
    pub rows: HashMap<StreamId, AnyRow>,
    /// What each stream that was written to looks like from then on: a [`ProductView`], unless
    /// its video is being worked on, [`CategoryRow`], [`OrderRow`] or [`UserRow`].
    pub views: HashMap<StreamId, AnyRow>,
}

impl Default for ReadModels {
    fn default() -> Self {
        Self { categories: Kept::new(CATEGORIES) }
    }
}

impl ReadModels {
    /// Folds events that are being appended; `before` are rows of their streams as they were at
    /// the versions that the events follow. Where the append fails, or somebody else
    /// has appended, [`ReadModels::forget`] has to be called before the next batch.
    pub async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, ProjectionError> {
        let mut folded = Folded::default();
        let orders = folded.take::<OrderRow>(StreamType::Order, conn, recorded, before).await?;
        folded.show(StreamType::Order, &rows(orders));
        let users = folded.take::<UserRow>(StreamType::User, conn, recorded, before).await?;
        folded.show(StreamType::User, &rows(users));
        let products = folded.take(StreamType::Product, conn, recorded, before).await?;
        let known = |id| self.categories.get(id);
        let categories = category::fold(conn, "", recorded, &products, known).await?;
        self.categories.note(&categories);
        folded.writes.extend(machine::writes("", &categories)?);
        folded.show(StreamType::Category, &rows(categories));
        self.show(conn, rows(products), &mut folded).await?;
        Ok(folded)
    }

    /// What is remembered may no longer be so.
    pub fn forget(&self) {
        self.categories.forget();
    }

    /// Joins products with their categories. How far a worker is with a video is not in the log.
    async fn show(
        &self,
        conn: &mut PgConnection,
        mut products: Vec<Arc<ProductRow>>,
        folded: &mut Folded,
    ) -> Result<(), ProjectionError> {
        products.retain(|row| row.processing_status != ProcessingStatus::Processing);
        let ids = products.iter().map(|row| row.category_id.uuid()).collect();
        let categories = machine::find(conn, &self.categories, ids).await?;
        for row in products {
            let category = categories.get(&row.category_id.uuid());
            let view = ProductView {
                category_name: category.map(|category| category.name.clone()),
                category_description: category.map(|category| category.description.clone()),
                progress: None,
                video_gone: None,
                row: ProductRow::clone(&row),
            };
            let stream = StreamId { kind: StreamType::Product, id: row.key() };
            folded.views.insert(stream, Arc::new(view));
        }
        Ok(())
    }
}

impl Folded {
    /// Folds the rows of streams that alone make them.
    async fn take<F: Fold>(
        &mut self,
        kind: StreamType,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Vec<Change<F>>, ProjectionError> {
        let known = |id| Arc::clone(before.get(&StreamId { kind, id })?).downcast::<F>().ok();
        let changes = machine::fold(conn, "", recorded, known).await?;
        self.writes.extend(machine::writes("", &changes)?);
        for row in changes.iter().filter_map(|change| change.after.as_ref()) {
            self.rows.insert(StreamId { kind, id: row.key() }, Arc::clone(row) as AnyRow);
        }
        Ok(changes)
    }

    fn show<F: Fold>(&mut self, kind: StreamType, rows: &[Arc<F>]) {
        for row in rows {
            self.views.insert(StreamId { kind, id: row.key() }, Arc::clone(row) as AnyRow);
        }
    }
}

fn rows<F>(changes: Vec<Change<F>>) -> Vec<Arc<F>> {
    changes.into_iter().filter_map(|change| change.after).collect()
}

impl ReadModels {
    /// Whether no product is in a category; under the log's lock it stays so.
    pub async fn category_is_empty(
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, ProjectionError> {
        let count: Option<i64> =
            sqlx::query_scalar("SELECT product_count FROM categories WHERE id = $1")
                .bind(category.uuid())
                .fetch_optional(conn)
                .await
                .map_err(|source| ProjectionError::Database { table: "categories", source })?;
        Ok(count.unwrap_or(0) == 0)
    }

    /// Whether there is an active ADMIN besides an account; under the log's lock it stays so.
    pub async fn another_admin_is_active(
        conn: &mut PgConnection,
        than: UserId,
    ) -> Result<bool, ProjectionError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM users WHERE role = 'ADMIN' AND is_active AND id <> $1)",
        )
        .bind(than.uuid())
        .fetch_one(conn)
        .await
        .map_err(|source| ProjectionError::Database { table: "users", source })
    }

    /// Products of a person that are not withdrawn.
    pub async fn open_products_of(
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<ProductId>, ProjectionError> {
        // As the index of owners has it.
        let open = "SELECT id FROM products WHERE owner_id = $1 AND NOT deleted
                    AND created_at >= '-infinity' AND status <> 'CANCELLED'";
        let open: Result<Vec<Uuid>, _> =
            sqlx::query_scalar(open).bind(person.uuid()).fetch_all(conn).await;
        let open =
            open.map_err(|source| ProjectionError::Database { table: "products", source })?;
        Ok(open.into_iter().map(ProductId::from_uuid).collect())
    }

    /// Orders of a person that are PENDING.
    pub async fn open_orders_of(
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<OrderId>, ProjectionError> {
        let open =
            "SELECT id FROM orders WHERE user_id = $1 AND status = 'PENDING' AND NOT deleted";
        let open: Result<Vec<Uuid>, _> =
            sqlx::query_scalar(open).bind(person.uuid()).fetch_all(conn).await;
        let open = open.map_err(|source| ProjectionError::Database { table: "orders", source })?;
        Ok(open.into_iter().map(OrderId::from_uuid).collect())
    }
}

/// The read models that another version of their fold has made: rebuild these.
pub async fn outdated(conn: &mut PgConnection) -> Result<Vec<&'static str>, sqlx::Error> {
    let made: Vec<(String, i32)> =
        sqlx::query_as("SELECT name, version FROM read_models").fetch_all(conn).await?;
    let current = |table: &Table| {
        made.iter().any(|(name, version)| name == table.name && *version == table.version)
    };
    Ok(tables(&MODELS).filter(|table| !current(table)).map(|table| table.name).collect())
}
