//! The read models in the append's transaction.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::product::ProcessingStatus;
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamEvent, StreamId, StreamType, UserId};
use log::{AnyRow, BoxedError, Folded, InlineProjections};
use pool::PgConnection;

use crate::machine::{self, Change, Fold, Kept};
use crate::models::{self, MODELS};
use crate::snapshot::StreamRow;
use crate::{
    CategoryRow, ProductRow, ProductView, ProjectionError, category, order, product, user,
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

/// Rows of streams that alone make them are `ProductRow`, `OrderRow` and `UserRow`. Views are
/// [`ProductView`], unless the product's video is being worked on, [`CategoryRow`], `OrderRow` and
/// `UserRow`.
#[async_trait]
impl InlineProjections for ReadModels {
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, BoxedError> {
        let (categories, folded) = (&self.categories, Folded::default());
        let mut inline = Inline { conn, recorded, before, categories, folded };
        for model in MODELS {
            model.fold(&mut inline).await?;
        }
        Ok(inline.folded)
    }

    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow> {
        models::stream(part.first()?.stream.kind)?.row(before, part)
    }

    fn row_version(&self, kind: StreamType) -> i32 {
        models::stream(kind).map_or(0, StreamRow::version)
    }

    fn write_row(&self, kind: StreamType, row: &AnyRow) -> Option<String> {
        models::stream(kind)?.write(row)
    }

    fn read_row(&self, kind: StreamType, json: &str) -> Option<AnyRow> {
        models::stream(kind)?.read(json)
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

/// A batch on its way into the read models.
pub(crate) struct Inline<'a> {
    conn: &'a mut PgConnection,
    recorded: &'a [Recorded],
    before: &'a HashMap<StreamId, AnyRow>,
    categories: &'a Kept<CategoryRow>,
    folded: Folded,
}

impl Inline<'_> {
    /// Folds the rows of streams that alone make them.
    pub(crate) async fn take<F: Fold>(&mut self) -> Result<Vec<Change<F>>, ProjectionError> {
        let kind = F::Event::STREAM;
        let before = self.before;
        let known = |id| Arc::clone(before.get(&StreamId { kind, id })?).downcast::<F>().ok();
        let changes = machine::fold(self.conn, "", self.recorded, known).await?;
        self.folded.writes.extend(machine::writes("", &changes)?);
        for row in changes.iter().filter_map(|change| change.after.as_ref()) {
            let stream = StreamId { kind, id: row.key() };
            self.folded.rows.insert(stream, Arc::clone(row) as AnyRow);
        }
        Ok(changes)
    }

    /// Says what the streams look like from then on.
    pub(crate) fn show<F: Fold>(&mut self, changes: Vec<Change<F>>) {
        for row in after(changes) {
            let stream = StreamId { kind: F::Event::STREAM, id: row.key() };
            self.folded.views.insert(stream, row);
        }
    }

    /// Folds products, and the categories that count them.
    pub(crate) async fn catalogue(&mut self) -> Result<(), ProjectionError> {
        let products = self.take().await?;
        let known = |id| self.categories.get(id);
        let categories = category::fold(self.conn, "", self.recorded, &products, known).await?;
        self.categories.note(&categories);
        self.folded.writes.extend(machine::writes("", &categories)?);
        self.show(categories);
        self.show_products(after(products).collect()).await
    }

    /// Joins products with their categories. How far a worker is with a video is not in the log.
    async fn show_products(
        &mut self,
        mut products: Vec<Arc<ProductRow>>,
    ) -> Result<(), ProjectionError> {
        products.retain(|row| row.processing_status != ProcessingStatus::Processing);
        let ids = products.iter().map(|row| row.category_id.uuid()).collect();
        let categories = machine::find(self.conn, self.categories, ids).await?;
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
            self.folded.views.insert(stream, Arc::new(view));
        }
        Ok(())
    }
}

fn after<F>(changes: Vec<Change<F>>) -> impl Iterator<Item = Arc<F>> {
    changes.into_iter().filter_map(|change| change.after)
}
