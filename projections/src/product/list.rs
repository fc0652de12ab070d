//! Lists of products, as a merge of parts that each are read from an index in order.

use domain::product::{ProcessingStatus, ProductStatus};
use domain::{CategoryId, UserId};
use sqlx::{Postgres, QueryBuilder};

use super::{ProductRow, Search};
use crate::page::Scan;
use crate::{Fold, Ordering, Visibility};

/// Which products, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Where their review is.
    pub status: Option<ProductStatus>,
    /// Where they belong.
    pub category: Option<CategoryId>,
    /// Who submitted them.
    pub uploaded_by: Option<UserId>,
    /// Where their video is.
    pub processing_status: Option<ProcessingStatus>,
    /// Words that name or description has; `"phrases"`, `or` and `-not` as in a web search.
    pub q: Option<Search>,
    /// In which order.
    pub ordering: Ordering,
}

/// Every row is in one of these. An `OR` of two of them would be a scan of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shelf {
    Listed,
    Unlisted,
    Deleted,
}

/// One part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    shelf: Shelf,
    owner: Option<UserId>,
}

/// The parts that a list is merged of; none where it can have no row.
pub(super) fn parts(visibility: Visibility, filter: &ProductFilter) -> Vec<Part> {
    let unlisted = match visibility {
        Visibility::Everything => Some(filter.uploaded_by),
        Visibility::Own(user) if filter.uploaded_by.is_some_and(|other| other != user) => None,
        Visibility::Own(user) => Some(Some(user)),
        Visibility::Nothing => return vec![],
    };
    let listed = filter.status.is_none_or(|status| status == ProductStatus::Approved)
        && filter.processing_status.is_none_or(|status| status == ProcessingStatus::Ready);
    let listed = listed.then_some(Part { shelf: Shelf::Listed, owner: filter.uploaded_by });
    let unlisted = unlisted.map(|owner| Part { shelf: Shelf::Unlisted, owner });
    listed.into_iter().chain(unlisted).collect()
}

/// The parts of what somebody ever submitted.
pub(super) fn uploads(owner: UserId) -> Vec<Part> {
    let part = |shelf| Part { shelf, owner: Some(owner) };
    [Shelf::Listed, Shelf::Unlisted, Shelf::Deleted].map(part).to_vec()
}

/// The statement that reads a page of the merged parts, joined with what a view needs.
pub(super) fn statement<'a>(
    parts: &[Part],
    filter: &'a ProductFilter,
    scan: &Scan<'_>,
) -> QueryBuilder<'a, Postgres> {
    let mut sql = QueryBuilder::new(
        "SELECT p.*, c.name AS category_name, c.description AS category_description, j.progress FROM (",
    );
    for (index, part) in parts.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { " UNION ALL (" });
        part.push(&mut sql, filter, scan);
        sql.push(")");
    }
    sql.push(format_args!(") p {JOINS}"));
    scan.push_order(&mut sql);
    sql
}

/// A job for an earlier upload says nothing of this one.
pub(super) const JOINS: &str = "LEFT JOIN categories c ON c.id = p.category_id \
    LEFT JOIN video_jobs j ON j.product_id = p.id AND j.upload_id::text = p.video->>'upload'";

impl Part {
    /// Always true: names the index that was made for such a list of everybody's rows. What the
    /// planner guesses of how common an owner, a category or a status is would have it walk
    /// through the rows of all others.
    const fn index(self, filter: &ProductFilter) -> &'static str {
        match (self.owner, self.shelf, filter.processing_status, filter.status) {
            (Some(_), ..) | (_, Shelf::Deleted, ..) => "",
            (None, Shelf::Unlisted, Some(_), _) => " AND created_position > -2",
            (None, Shelf::Unlisted, None, Some(_)) => " AND created_position > -1",
            (None, ..) if filter.category.is_some() => "",
            (None, ..) => " AND created_position > 0",
        }
    }

    fn push<'a>(
        self,
        sql: &mut QueryBuilder<'a, Postgres>,
        filter: &'a ProductFilter,
        scan: &Scan<'_>,
    ) {
        sql.push(format_args!("SELECT {} FROM products WHERE ", ProductRow::TABLE.column_list()));
        sql.push(match self.shelf {
            Shelf::Listed => "NOT deleted AND listed",
            Shelf::Unlisted => "NOT deleted AND NOT listed",
            Shelf::Deleted => "deleted AND NOT listed",
        });
        sql.push(self.index(filter));
        if let Some(owner) = self.owner {
            sql.push(" AND owner_id = ").push_bind(owner.uuid());
        }
        if let Some(category) = filter.category {
            sql.push(" AND category_id = ").push_bind(category.uuid());
        }
        if self.shelf != Shelf::Listed {
            push_states(sql, filter);
        }
        if let Some(words) = &filter.q {
            sql.push(" AND search @@ websearch_to_tsquery('simple', ");
            sql.push_bind(words.as_str()).push(")");
        }
        scan.push_after(sql);
        scan.push_order(sql);
    }
}

/// Not for listed rows: all are APPROVED and READY, and an index that has no need to look at
/// the row answers without.
fn push_states(sql: &mut QueryBuilder<'_, Postgres>, filter: &ProductFilter) {
    if let Some(status) = filter.status {
        sql.push(" AND status = ").push_bind(status.as_str());
    }
    match filter.processing_status {
        None => {}
        Some(ProcessingStatus::Ready) => {
            sql.push(" AND processing_status = 'READY'");
        }
        // Said twice, so that the planner sees that the partial index has all of these.
        Some(status) => {
            sql.push(" AND processing_status <> 'READY' AND processing_status = ");
            sql.push_bind(status.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ALICE: UserId = UserId::from_uuid(Uuid::from_u128(1));
    const BOB: UserId = UserId::from_uuid(Uuid::from_u128(2));

    #[test]
    fn an_end_user_sees_listed_products_and_all_of_their_own() {
        let parts = parts(Visibility::Own(ALICE), &ProductFilter::default());
        let listed = Part { shelf: Shelf::Listed, owner: None };
        assert_eq!(parts, [listed, Part { shelf: Shelf::Unlisted, owner: Some(ALICE) }]);
    }

    #[test]
    fn of_somebody_else_an_end_user_sees_only_what_is_listed() {
        let of_bob = ProductFilter { uploaded_by: Some(BOB), ..ProductFilter::default() };
        let listed = Part { shelf: Shelf::Listed, owner: Some(BOB) };
        assert_eq!(parts(Visibility::Own(ALICE), &of_bob), [listed]);
    }

    #[test]
    fn what_nothing_listed_can_be_is_not_looked_for_there() {
        let pending = Some(ProductStatus::Pending);
        let pending = ProductFilter { status: pending, ..ProductFilter::default() };
        let unlisted = Part { shelf: Shelf::Unlisted, owner: None };
        assert_eq!(parts(Visibility::Everything, &pending), [unlisted]);
        assert_eq!(parts(Visibility::Nothing, &pending), []);
    }
}
