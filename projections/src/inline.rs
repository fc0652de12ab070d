//! The read models in the append's transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamId, StreamType, UserId};
use log::{AnyRow, BoxedError, Folded, InlineProjections};
use pool::PgConnection;

use crate::batch::Batch;
use crate::machine::Kept;
use crate::models::{self, MODELS};
use crate::snapshot::StreamRow;
use crate::{CategoryRow, category, order, product, user};

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
/// [`ProductView`](crate::ProductView), unless the product's video is being worked on, [`CategoryRow`], `OrderRow` and
/// `UserRow`.
#[async_trait]
impl InlineProjections for ReadModels {
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, BoxedError> {
        let mut batch = Batch::new(conn, recorded, before, &self.categories);
        for model in MODELS {
            model.fold(&mut batch).await?;
        }
        Ok(batch.into_folded())
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
