//! The read models in the append's transaction.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::product::ProcessingStatus;
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamId, StreamType, UserId};
use log::{AnyRow, BoxedError, Folded, InlineProjections};
use pool::PgConnection;

use crate::machine::{self, Change, Fold, Kept};
use crate::{
    CategoryRow, OrderRow, ProductRow, ProductView, ProjectionError, UserRow, category, order,
    product, snapshot, user,
};

/// Categories that are kept in memory.
const CATEGORIES: u64 = 1_000;

/// The read models as the append keeps them, for one writer at a time. It remembers categories,
/// which other streams change too; what one stream makes alone is remembered with that stream.
pub struct ReadModels {
    categories: Kept<CategoryRow>,
}

impl Default for ReadModels {
    fn default() -> Self {
        Self { categories: Kept::new(CATEGORIES) }
    }
}

/// Rows of streams that alone make them are [`ProductRow`], [`OrderRow`] and [`UserRow`]. Views are
/// [`ProductView`], unless the product's video is being worked on, [`CategoryRow`], [`OrderRow`] and
/// [`UserRow`].
#[async_trait]
impl InlineProjections for ReadModels {
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, BoxedError> {
        let mut folded = Folded::default();
        let orders =
            take::<OrderRow>(&mut folded, StreamType::Order, conn, recorded, before).await?;
        show(&mut folded, StreamType::Order, &rows(orders));
        let users = take::<UserRow>(&mut folded, StreamType::User, conn, recorded, before).await?;
        show(&mut folded, StreamType::User, &rows(users));
        let products = take(&mut folded, StreamType::Product, conn, recorded, before).await?;
        let known = |id| self.categories.get(id);
        let categories = category::fold(conn, "", recorded, &products, known).await?;
        self.categories.note(&categories);
        folded.writes.extend(machine::writes("", &categories)?);
        show(&mut folded, StreamType::Category, &rows(categories));
        self.show_products(conn, rows(products), &mut folded).await?;
        Ok(folded)
    }

    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        snapshot::row::fold(before, part)
    }

    fn row_version(&self, kind: StreamType) -> i32 {
        snapshot::row::version(kind)
    }

    fn write_row(&self, kind: StreamType, row: &AnyRow) -> Option<String> {
        snapshot::row::write(kind, row)
    }

    fn read_row(&self, kind: StreamType, json: &str) -> Option<AnyRow> {
        snapshot::row::read(kind, json)
    }

    fn forget(&self) {
        self.categories.forget();
    }

    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, BoxedError> {
        Ok(category::is_empty(conn, category).await?)
    }

    async fn another_admin_is_active(
        &self,
        conn: &mut PgConnection,
        than: UserId,
    ) -> Result<bool, BoxedError> {
        Ok(user::another_admin_is_active(conn, than).await?)
    }

    async fn open_products_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<ProductId>, BoxedError> {
        Ok(product::open_of(conn, person).await?)
    }

    async fn open_orders_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<OrderId>, BoxedError> {
        Ok(order::open_of(conn, person).await?)
    }
}

impl ReadModels {
    /// Joins products with their categories. How far a worker is with a video is not in the log.
    async fn show_products(
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

/// Folds the rows of streams that alone make them.
async fn take<F: Fold>(
    folded: &mut Folded,
    kind: StreamType,
    conn: &mut PgConnection,
    recorded: &[Recorded],
    before: &HashMap<StreamId, AnyRow>,
) -> Result<Vec<Change<F>>, ProjectionError> {
    let known = |id| Arc::clone(before.get(&StreamId { kind, id })?).downcast::<F>().ok();
    let changes = machine::fold(conn, "", recorded, known).await?;
    folded.writes.extend(machine::writes("", &changes)?);
    for row in changes.iter().filter_map(|change| change.after.as_ref()) {
        folded.rows.insert(StreamId { kind, id: row.key() }, Arc::clone(row) as AnyRow);
    }
    Ok(changes)
}

fn show<F: Fold>(folded: &mut Folded, kind: StreamType, rows: &[Arc<F>]) {
    for row in rows {
        folded.views.insert(StreamId { kind, id: row.key() }, Arc::clone(row) as AnyRow);
    }
}

fn rows<F>(changes: Vec<Change<F>>) -> Vec<Arc<F>> {
    changes.into_iter().filter_map(|change| change.after).collect()
}
