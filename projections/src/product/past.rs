//! Products as they were: folded from the part of the log up to a moment or a version.

use domain::product::ProcessingStatus;
use domain::{Moment, ProductId, StreamId, StreamType, UploadId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ProductRow, ProductView, Products, RowVideo};
use crate::log::UpTo;
use crate::{CategoryRow, Fold, ReadError, Visibility, log};

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
        let row: Option<ProductRow> =
            folded(&mut conn, StreamType::Product, id.uuid(), up_to).await?;
        let Some(row) = row.filter(|row| !row.deleted && visibility.covers(row.owner_id)) else {
            return Ok(None);
        };
        let at = match past {
            Past::AsOf(at) => at.utc(),
            Past::Version(version) if version == row.version => row.updated_at,
            Past::Version(_) => return Ok(None),
        };
        let id_of_category = row.category_id.uuid();
        let category: Option<CategoryRow> =
            folded(&mut conn, StreamType::Category, id_of_category, UpTo::Time(at)).await?;
        let (category_name, category_description) =
            category.map(|category| (category.name, category.description)).unzip();
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

async fn folded<F: Fold>(
    conn: &mut PgConnection,
    kind: StreamType,
    id: Uuid,
    up_to: UpTo,
) -> Result<Option<F>, ReadError> {
    let events = log::stream(conn, StreamId { kind, id }, up_to).await?;
    Ok(events.iter().fold(None, |row, recorded| F::fold(row, id, recorded)))
}
