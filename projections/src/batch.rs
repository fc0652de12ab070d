//! A batch of events that is being appended, folded into the read models.

use std::collections::HashMap;
use std::sync::Arc;

use domain::product::ProcessingStatus;
use domain::{Recorded, StreamEvent, StreamId, StreamType};
use log::{AnyRow, Folded};
use pool::PgConnection;

use crate::machine::{self, Change, Fold, Kept};
use crate::{CategoryRow, ProductRow, ProductView, ProjectionError, category};

/// A batch on its way into the read models.
pub(crate) struct Batch<'a> {
    conn: &'a mut PgConnection,
    recorded: &'a [Recorded],
    before: &'a HashMap<StreamId, AnyRow>,
    categories: &'a Kept<CategoryRow>,
    folded: Folded,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(
        conn: &'a mut PgConnection,
        recorded: &'a [Recorded],
        before: &'a HashMap<StreamId, AnyRow>,
        categories: &'a Kept<CategoryRow>,
    ) -> Self {
        Self { conn, recorded, before, categories, folded: Folded::default() }
    }

    /// What there is to write and to remember.
    pub(crate) fn into_folded(self) -> Folded {
        self.folded
    }

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
