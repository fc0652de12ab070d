//! All read models, and what is done to them together.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use domain::product::ProcessingStatus;
use domain::{CategoryId, Recorded, StreamId, StreamType};
use futures::future::BoxFuture;
use sqlx::PgConnection;

use crate::machine::{self, Fold, Kept, Table, Write};
use crate::{
    CategoryRow, OrderRow, ProductRow, ProductView, ProjectionError, RebuildError, UserRow,
};

/// A read model, whatever its rows are.
pub(crate) trait Model: Send + Sync {
    fn table(&self) -> Table;

    /// Brings the table, or its copy with that suffix, up to date with a batch.
    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>>;
}

struct Of<F>(PhantomData<F>);

impl<F: Fold> Model for Of<F> {
    fn table(&self) -> Table {
        F::TABLE
    }

    fn apply<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        suffix: &'a str,
        recorded: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), ProjectionError>> {
        Box::pin(machine::apply::<F>(conn, suffix, recorded))
    }
}

/// Every read model that there is.
pub(crate) static MODELS: [&dyn Model; 4] = [
    &Of::<ProductRow>(PhantomData),
    &Of::<CategoryRow>(PhantomData),
    &Of::<OrderRow>(PhantomData),
    &Of::<UserRow>(PhantomData),
];

/// Those of these names; all of them where none is given.
pub(crate) fn named(names: Option<&[&str]>) -> Result<Vec<&'static dyn Model>, RebuildError> {
    let Some(names) = names else { return Ok(MODELS.to_vec()) };
    let find = |name: &&str| {
        MODELS.into_iter().find(|model| model.table().name == *name).ok_or_else(|| {
            let known = MODELS.map(|model| model.table().name).join(", ");
            RebuildError::Unknown { name: (*name).to_owned(), known }
        })
    };
    names.iter().map(find).collect()
}

/// Bytes of rows that are kept in memory, per table.
const KEPT: u64 = 32 << 20;

/// The read models as the append keeps them. One writer at a time may use it: rows that it has
/// loaded or folded are remembered, so that they need not be read again.
pub struct ReadModels {
    products: Kept<ProductRow>,
    categories: Kept<CategoryRow>,
    orders: Kept<OrderRow>,
    users: Kept<UserRow>,
}

/// What a batch makes of the read models.
#[derive(Default)]
pub struct Folded {
    /// To be written in the append's own transaction, in any order.
    pub writes: Vec<Write>,
    /// What each stream that was written to looks like from then on: a [`ProductView`], unless
    /// its video is being worked on, [`CategoryRow`], [`OrderRow`] or [`UserRow`].
    pub rows: HashMap<StreamId, Arc<dyn Any + Send + Sync>>,
}

impl Default for ReadModels {
    fn default() -> Self {
        Self {
            products: Kept::new(KEPT),
            categories: Kept::new(KEPT),
            orders: Kept::new(KEPT),
            users: Kept::new(KEPT),
        }
    }
}

impl ReadModels {
    /// Folds events that are being appended. Where the append comes to nothing, or somebody else
    /// has appended, [`ReadModels::forget`] has to be called before the next batch.
    pub async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
    ) -> Result<Folded, ProjectionError> {
        let mut folded = Folded::default();
        let products = machine::fold(conn, "", recorded, Some(&self.products)).await?;
        folded.take(StreamType::Category, conn, recorded, &self.categories).await?;
        folded.take(StreamType::Order, conn, recorded, &self.orders).await?;
        folded.take(StreamType::User, conn, recorded, &self.users).await?;
        folded.writes.extend(machine::writes("", &products)?);
        let products = products.into_iter().filter_map(|change| change.after).collect();
        self.show(conn, products, &mut folded).await?;
        Ok(folded)
    }

    /// What is remembered may no longer be so.
    pub fn forget(&self) {
        self.products.forget();
        self.categories.forget();
        self.orders.forget();
        self.users.forget();
    }

    /// Joins products with their categories. How far a worker is with a video is not in the log.
    async fn show(
        &self,
        conn: &mut PgConnection,
        mut products: Vec<ProductRow>,
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
                row,
            };
            let stream = StreamId { kind: StreamType::Product, id: view.row.id.uuid() };
            folded.rows.insert(stream, Arc::new(view));
        }
        Ok(())
    }
}

impl Folded {
    async fn take<F: Fold>(
        &mut self,
        kind: StreamType,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        kept: &Kept<F>,
    ) -> Result<(), ProjectionError> {
        let changes = machine::fold(conn, "", recorded, Some(kept)).await?;
        self.writes.extend(machine::writes("", &changes)?);
        for row in changes.into_iter().filter_map(|change| change.after) {
            self.rows.insert(StreamId { kind, id: row.key() }, Arc::new(row));
        }
        Ok(())
    }
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
}

/// The read models that another version of their fold has made: rebuild these.
pub async fn outdated(conn: &mut PgConnection) -> Result<Vec<&'static str>, sqlx::Error> {
    let made: Vec<(String, i32)> =
        sqlx::query_as("SELECT name, version FROM read_models").fetch_all(conn).await?;
    let current = |table: &Table| {
        made.iter().any(|(name, version)| name == table.name && *version == table.version)
    };
    let tables = MODELS.map(Model::table).into_iter();
    Ok(tables.filter(|table| !current(table)).map(|table| table.name).collect())
}
