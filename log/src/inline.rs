//! What the append and the read models share: rows are folded in the append's own transaction.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{CategoryId, OrderId, ProductId, Recorded, StreamId, StreamType, UserId};
use pool::PgConnection;

/// An error of any type.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// A row of a read model, whose type the reader knows.
pub type AnyRow = Arc<dyn Any + Send + Sync>;

/// Something to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The statement; the rows are its `$1::json`, an array of objects.
    pub sql: String,
    /// The rows as JSON.
    pub rows: String,
}

/// What a batch makes of the read models.
#[derive(Default)]
pub struct Folded {
    /// To be written together with the events, in any order.
    pub writes: Vec<Write>,
    /// The rows of streams that alone make them, for the next batch that goes on from there.
    pub rows: HashMap<StreamId, AnyRow>,
    /// What the streams that were written to look like from then on.
    pub views: HashMap<StreamId, AnyRow>,
}

/// Read models that are kept in the append's transaction. For one writer at a time.
#[async_trait]
pub trait InlineProjections: Send + Sync + 'static {
    /// Folds events that are being appended. `before` are rows of their streams at the versions
    /// that the events follow, those that are known; of others it may remember some from one batch
    /// to the next.
    async fn fold(
        &self,
        conn: &mut PgConnection,
        recorded: &[Recorded],
        before: &HashMap<StreamId, AnyRow>,
    ) -> Result<Folded, BoxedError>;

    /// The row that one stream makes alone, by events that follow one another and the row before them, if
    /// there is one; `None` where other streams take part in it.
    fn row(&self, before: Option<&AnyRow>, part: &[Recorded]) -> Option<AnyRow>;

    /// The version of the folds that make such rows: a row that another version made is not read.
    fn row_version(&self, kind: StreamType) -> i32;

    /// Such a row as JSON.
    fn write_row(&self, kind: StreamType, row: &AnyRow) -> Option<String>;

    /// Such a row from JSON; `None` where it cannot be read.
    fn read_row(&self, kind: StreamType, json: &str) -> Option<AnyRow>;

    /// Drops what is remembered: the last batch was not committed, or another process has written.
    fn forget(&self);

    /// Whether a category has no products; asked under the log's lock, so it stays true.
    async fn category_is_empty(
        &self,
        conn: &mut PgConnection,
        category: CategoryId,
    ) -> Result<bool, BoxedError>;

    /// Whether there is an active ADMIN besides that account; asked under the log's lock too.
    async fn another_admin_is_active(
        &self,
        conn: &mut PgConnection,
        than: UserId,
    ) -> Result<bool, BoxedError>;

    /// Products of a person that are not withdrawn.
    async fn open_products_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<ProductId>, BoxedError>;

    /// Orders of a person that are PENDING.
    async fn open_orders_of(
        &self,
        conn: &mut PgConnection,
        person: UserId,
    ) -> Result<Vec<OrderId>, BoxedError>;
}
