//! Categories that are deleted: products that outlived theirs show the last name that it had.

use std::collections::HashMap;

use domain::{CategoryId, StreamType};
use sqlx::PgConnection;

use super::ProductView;
use crate::{CategoryRow, Fold, ReadError, log};

/// Adds what the log last said of each category that is no longer there. Only deleted products are
/// in such a category, since a category is deleted only once it is empty.
pub(super) async fn name_categories(
    conn: &mut PgConnection,
    views: &mut [ProductView],
) -> Result<(), ReadError> {
    let mut gone: Vec<_> = views
        .iter()
        .filter(|view| view.category_name.is_none())
        .map(|view| view.row.category_id.uuid())
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    gone.sort_unstable();
    gone.dedup();
    let last = last_of(conn, &gone).await?;
    for view in views.iter_mut().filter(|view| view.category_name.is_none()) {
        if let Some(category) = last.get(&view.row.category_id) {
            view.category_name = Some(category.name.clone());
            view.category_description = Some(category.description.clone());
        }
    }
    Ok(())
}

/// The last row that each of these categories had.
async fn last_of(
    conn: &mut PgConnection,
    ids: &[uuid::Uuid],
) -> Result<HashMap<CategoryId, CategoryRow>, ReadError> {
    let (mut last, mut row) = (HashMap::new(), None);
    for recorded in log::streams(conn, StreamType::Category, ids).await? {
        let id = recorded.stream.id;
        row = CategoryRow::fold(row.filter(|row: &CategoryRow| row.key() == id), id, &recorded);
        if let Some(row) = &row {
            last.insert(row.id, row.clone());
        }
    }
    Ok(last)
}
