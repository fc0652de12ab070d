//! Products as they were: folded from the part of the log up to a moment or a version.

use domain::category::Category;
use domain::product::ProcessingStatus;
use domain::{CategoryId, Moment, ProductId, Recorded, StreamId, StreamType, UploadId, replay};
use log::UpTo;
use pool::PgConnection;

use super::{ProductRow, ProductView, Products, RowVideo};
use crate::snapshot::{self, Snapshot};
use crate::{Fold, ReadError, Visibility};

/// Which past of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// As it was at that time.
    AsOf(Moment),
    /// As that version left it.
    Version(i64),
}

impl Products {
    /// The product as it was, for those to whom it is no less than their own. `None` where it did
    /// not exist then, was deleted, or has not reached that version.
    pub async fn past(
        &self,
        visibility: Visibility,
        id: ProductId,
        past: Past,
    ) -> Result<Option<ProductView>, ReadError> {
        let mut conn = self.0.acquire().await?;
        let up_to = match past {
            Past::AsOf(at) => UpTo::Time(at.utc()),
            Past::Version(version) => UpTo::Sequence(version),
        };
        let row = product(&mut conn, id, up_to).await?;
        let Some(row) = row.filter(|row| !row.deleted && visibility.covers(row.owner_id)) else {
            return Ok(None);
        };
        let at = match past {
            Past::AsOf(at) => at.utc(),
            Past::Version(version) if version == row.version => row.updated_at,
            Past::Version(_) => return Ok(None),
        };
        let category = category(&mut conn, row.category_id, UpTo::Time(at)).await?;
        let category_name = category.name().map(ToString::to_string);
        let category_description = category.description().map(ToString::to_string);
        let video_gone = match upload_of(&row) {
            Some(upload) => served(&mut conn, id).await? != Some(upload),
            None => false,
        };
        let video_gone = Some(video_gone);
        Ok(Some(ProductView {
            row,
            category_name,
            category_description,
            progress: None,
            video_gone,
        }))
    }
}

/// The upload whose bytes the product's own addresses give out.
fn upload_of(row: &ProductRow) -> Option<UploadId> {
    match row.video.as_ref().map(|video| &video.0) {
        Some(RowVideo::Finished(video)) if row.processing_status == ProcessingStatus::Ready => {
            Some(video.upload)
        }
        Some(RowVideo::Finished(_) | RowVideo::Uploaded(_)) | None => None,
    }
}

/// The upload that is given out now; of a deleted product, none.
async fn served(conn: &mut PgConnection, id: ProductId) -> Result<Option<UploadId>, ReadError> {
    let sql = format!(
        "SELECT {} FROM products WHERE id = $1 AND NOT deleted",
        ProductRow::TABLE.column_list()
    );
    let row: Option<ProductRow> = sqlx::query_as(&sql).bind(id.uuid()).fetch_optional(conn).await?;
    Ok(row.as_ref().and_then(upload_of))
}

/// The row of a product as it was.
async fn product(
    conn: &mut PgConnection,
    id: ProductId,
    up_to: UpTo,
) -> Result<Option<ProductRow>, ReadError> {
    let (kind, key) = (StreamType::Product, id.uuid());
    let (row, events) =
        from_snapshot(conn, StreamId { kind, id: key }, up_to, Snapshot::row).await?;
    Ok(events.iter().fold(row, ProductRow::follow))
}

/// A category as it was.
async fn category(
    conn: &mut PgConnection,
    id: CategoryId,
    up_to: UpTo,
) -> Result<Category, ReadError> {
    let stream = StreamId { kind: StreamType::Category, id: id.uuid() };
    let (state, events) = from_snapshot(conn, stream, up_to, Snapshot::state).await?;
    let events = events.into_iter().map(|recorded| recorded.event);
    // A stream's kind says which events it has.
    Ok(replay(state.unwrap_or_default(), events).unwrap_or_default())
}

/// What a stream's nearest snapshot has, and the events from there on.
async fn from_snapshot<T>(
    conn: &mut PgConnection,
    stream: StreamId,
    up_to: UpTo,
    read: impl Fn(&Snapshot) -> Option<T>,
) -> Result<(Option<T>, Vec<Recorded>), ReadError> {
    let (snapshot, next) = snapshot::around(conn, stream, up_to).await?;
    let begins = snapshot.and_then(|found| Some((found.sequence, read(&found)?)));
    let (after, begins) = begins.map_or((0, None), |(after, begins)| (after, Some(begins)));
    let between = (after, next.unwrap_or(i64::MAX));
    Ok((begins, log::stream_between(conn, stream, between, up_to).await?))
}
