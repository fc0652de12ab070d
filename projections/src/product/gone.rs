//! Categories that are deleted: products that outlived theirs show the last name that it had.

use std::collections::HashMap;

use domain::category::Category;
use domain::{CategoryId, StreamType, replay};
use pool::PgConnection;
use uuid::Uuid;

use super::ProductView;
use crate::{ReadError, snapshot};

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
            view.category_name = category.name().map(ToString::to_string);
            view.category_description = category.description().map(ToString::to_string);
        }
    }
    Ok(())
}

/// What each of these categories was before its last event, which deleted it.
async fn last_of(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<CategoryId, Category>, ReadError> {
    let kind = StreamType::Category;
    let whole: Vec<_> = ids.iter().map(|id| (*id, 0, i64::MAX)).collect();
    let ends = log::last_between(conn, kind, &whole, &[], 1).await?;
    let ends: Vec<_> = ends.iter().map(|event| (event.stream.id, event.sequence)).collect();
    let (mut last, mut parts) = (HashMap::new(), vec![]);
    let snapshots = snapshot::before(conn, kind, &ends).await?;
    for (id, end) in ends {
        let found = snapshots.get(&id).and_then(|found| Some((found.sequence, found.state()?)));
        let (begin, state) = found.unwrap_or_default();
        last.insert(CategoryId::from_uuid(id), state);
        parts.push((id, begin, end));
    }
    for event in log::last_between(conn, kind, &parts, &[], i64::MAX).await? {
        let state: &mut Category = last.entry(CategoryId::from_uuid(event.stream.id)).or_default();
        // A stream's kind says which events it has.
        *state = replay(std::mem::take(state), [event.event]).unwrap_or_default();
    }
    Ok(last)
}
