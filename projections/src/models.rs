//! All read models, and what is done to them together.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use domain::product::ProcessingStatus;
use domain::{CategoryId, Recorded, StreamId, StreamType, UserId};
use futures::future::BoxFuture;
use sqlx::PgConnection;

use crate::machine::{self, Change, Fold, Kept, Table, Write};
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
    /// the versions that the events follow. Where the append comes to nothing, or somebody else
    /// has appended, [`ReadModels::forget`] has to be called before the next batch.
    pub async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, ProjectionError> {
        let mut folded = Folded::default();
        let known = |id| self.categories.get(id);
        let categories = machine::fold(conn, "", recorded, known).await?;
        self.categories.note(&categories);
        folded.writes.extend(machine::writes("", &categories)?);
        folded.show(StreamType::Category, &rows(categories));
        let orders = folded.take::<OrderRow>(StreamType::Order, conn, recorded, before).await?;
        folded.show(StreamType::Order, &orders);
        let users = folded.take::<UserRow>(StreamType::User, conn, recorded, before).await?;
        folded.show(StreamType::User, &users);
        let products = folded.take(StreamType::Product, conn, recorded, before).await?;
        self.show(conn, products, &mut folded).await?;
        Ok(folded)
    }

    /// The row that one stream makes alone, from its first event on.
    pub fn row(stream: &[Recorded]) -> Option<AnyRow> {
        fn row<F: Fold>(stream: &[Recorded]) -> Option<AnyRow> {
            machine::row::<F>(stream).map(|row| Arc::new(row) as AnyRow)
        }
        match stream.first()?.stream.kind {
            StreamType::Product => row::<ProductRow>(stream),
            StreamType::Order => row::<OrderRow>(stream),
            StreamType::User => row::<UserRow>(stream),
            StreamType::Category => None,
        }
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
    ) -> Result<Vec<Arc<F>>, ProjectionError> {
        let known = |id| Arc::clone(before.get(&StreamId { kind, id })?).downcast::<F>().ok();
        let changes = machine::fold(conn, "", recorded, known).await?;
        self.writes.extend(machine::writes("", &changes)?);
        let rows = rows(changes);
        for row in &rows {
            self.rows.insert(StreamId { kind, id: row.key() }, Arc::clone(row) as AnyRow);
        }
        Ok(rows)
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
