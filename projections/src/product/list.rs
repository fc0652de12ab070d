//! Lists of products: which parts they are merged of, and which index has each in order.

use domain::product::{ProcessingStatus, ProductStatus};
use domain::{CategoryId, Currency, UserId};

use super::{ProductRow, Search, view};
use crate::listing::{Branch, Condition, Listing};
use crate::{Fold, Ordering, SortBy, Visibility};

/// Which products, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Where their review is.
    pub status: Option<ProductStatus>,
    /// Where they belong.
    pub category: Option<CategoryId>,
    /// What their price is in.
    pub currency: Option<Currency>,
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

/// A set of rows that a list has as far as they match: all of a shelf, or one owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    shelf: Shelf,
    owner: Option<UserId>,
}

/// What a list has; nothing where it can have no row.
pub(super) fn scopes(visibility: Visibility, filter: &ProductFilter) -> Vec<Scope> {
    let unlisted = match visibility {
        Visibility::Everything => Some(filter.uploaded_by),
        Visibility::Own(user) if filter.uploaded_by.is_some_and(|other| other != user) => None,
        Visibility::Own(user) => Some(Some(user)),
        Visibility::Nothing => return vec![],
    };
    let listed = filter.status.is_none_or(|status| status == ProductStatus::Approved)
        && filter.processing_status.is_none_or(|status| status == ProcessingStatus::Ready);
    let listed = listed.then_some(Scope { shelf: Shelf::Listed, owner: filter.uploaded_by });
    let unlisted = unlisted.map(|owner| Scope { shelf: Shelf::Unlisted, owner });
    listed.into_iter().chain(unlisted).collect()
}

/// All that somebody ever submitted.
pub(super) fn uploads(owner: UserId) -> Vec<Scope> {
    let scope = |shelf| Scope { shelf, owner: Some(owner) };
    [Shelf::Listed, Shelf::Unlisted, Shelf::Deleted].map(scope).to_vec()
}

/// How a page of these rows is read, as views.
pub(super) fn listing(scopes: &[Scope], filter: &ProductFilter) -> Listing {
    Listing {
        table: ProductRow::TABLE.name,
        columns: view::columns().collect::<Vec<_>>().join(", "),
        select: view::selected(),
        joins: view::JOINS,
        needs: if filter.q.is_some() { ", search" } else { "" },
        parts: scopes.iter().flat_map(|scope| scope.parts(filter)).collect(),
        rest: rest(scopes, filter),
        gathered: gathered(scopes, filter),
        is_narrow: filter.q.is_some() && has_another(filter),
    }
}

/// Whether something besides words narrows a list.
fn has_another(filter: &ProductFilter) -> bool {
    let states = filter.status.is_some() || filter.processing_status.is_some();
    states || filter.uploaded_by.is_some() || filter.category.is_some()
}

/// The rows that match, for any index that has a condition of theirs: none is forbidden. Both shelves of all owners are
/// one, so that an index of words is read once.
fn gathered(scopes: &[Scope], filter: &ProductFilter) -> Vec<Branch> {
    let has_all = |shelf| scopes.contains(&Scope { shelf, owner: filter.uploaded_by });
    if has_all(Shelf::Listed) && has_all(Shelf::Unlisted) {
        let states = [status(filter), processing(filter)];
        let owner = filter.uploaded_by.map(owned_by);
        let all = [Some(Condition::sql("NOT deleted")), Some(EVERYBODY), owner];
        return vec![all.into_iter().chain(states).chain(others(filter)).flatten().collect()];
    }
    scopes.iter().map(|scope| scope.gathered(filter)).collect()
}

/// The conditions that some scope has no index for in the list's order.
fn rest(scopes: &[Scope], filter: &ProductFilter) -> Branch {
    let missing = |has: &dyn Fn(&Scope, &ProductFilter) -> bool| {
        scopes.iter().any(|scope| !has(scope, filter))
    };
    let mut rest = vec![];
    if missing(&Scope::has_owner) {
        rest.extend(filter.uploaded_by.map(owned_by));
    }
    if missing(&Scope::has_category) {
        rest.extend(category(filter));
    }
    if missing(&Scope::has_status) {
        rest.extend(status(filter));
    }
    if missing(&Scope::has_processing) {
        rest.extend(processing(filter));
    }
    // A list by price is read currency by currency.
    if filter.ordering.by != SortBy::Price {
        rest.extend(currency(filter));
    }
    rest.extend(words(filter));
    rest
}

/// Always true. An index of everybody's rows has the first of these as a condition, one that begins
/// with an owner or a category the second, and one for a few rows of either none, so that no guess of
/// the planner has it walk through the rows of others. The first implies the second.
const EVERYBODY: Condition = Condition::sql("created_at > '-infinity'");
const ONE_OWNER_OR_CATEGORY: Condition = Condition::sql("created_at >= '-infinity'");

impl Scope {
    fn shelf(self) -> Condition {
        Condition::sql(match self.shelf {
            Shelf::Listed => "NOT deleted AND listed",
            Shelf::Unlisted => "NOT deleted AND NOT listed",
            Shelf::Deleted => "deleted AND NOT listed",
        })
    }

    fn owner(self) -> Option<Condition> {
        self.owner.map(owned_by)
    }

    /// Rows that one index each has in the list's order, as many of the filters as it knows applied.
    fn parts(self, filter: &ProductFilter) -> Vec<Branch> {
        let part = |conditions: Vec<Condition>| [vec![self.shelf()], conditions].concat();
        if let Some(owner) = self.owner().filter(|_| self.has_owner(filter)) {
            if filter.ordering.by != SortBy::Created {
                return vec![part(vec![owner, ONE_OWNER_OR_CATEGORY])];
            }
            let of = |status| part(vec![owner.clone(), status, ONE_OWNER_OR_CATEGORY]);
            return self.statuses(filter).map(of).collect();
        }
        if let Some(category) = category(filter) {
            return vec![part(vec![category, ONE_OWNER_OR_CATEGORY])];
        }
        match (self.shelf, processing(filter)) {
            (Shelf::Listed | Shelf::Deleted, _) => vec![part(vec![EVERYBODY])],
            (Shelf::Unlisted, Some(processing)) if self.has_processing(filter) => {
                vec![part(vec![processing])]
            }
            (Shelf::Unlisted, _) => {
                self.statuses(filter).map(|status| part(vec![status, EVERYBODY])).collect()
            }
        }
    }

    /// Statuses are few, so an index that begins with them serves a list without that filter too: it is
    /// merged of the parts of each. Listed rows all have the one that there are listed rows for.
    fn statuses(self, filter: &ProductFilter) -> impl Iterator<Item = Condition> {
        let statuses = match (self.shelf, filter.status) {
            (Shelf::Listed, _) => vec![ProductStatus::Approved],
            (Shelf::Unlisted | Shelf::Deleted, Some(status)) => vec![status],
            (Shelf::Unlisted | Shelf::Deleted, None) => ProductStatus::ALL.to_vec(),
        };
        statuses.into_iter().map(|status| Condition::named("status", status.as_str()))
    }

    /// An owner's listed rows have an index by time alone: each index more is one that every approval
    /// writes to, and an owner of many rows is soon met among all.
    fn has_owner(&self, filter: &ProductFilter) -> bool {
        let by_time = filter.ordering.by == SortBy::Created;
        self.owner.is_none() || by_time || self.shelf != Shelf::Listed
    }

    fn has_category(&self, filter: &ProductFilter) -> bool {
        filter.category.is_none() || self.owner.is_none() || !self.has_owner(filter)
    }

    fn has_status(&self, filter: &ProductFilter) -> bool {
        let by_owner = self.owner.is_some() && filter.ordering.by == SortBy::Created;
        let by_all = self.owner.is_none() && filter.category.is_none();
        let by_all = by_all && (filter.processing_status.is_none() || !self.has_processing(filter));
        filter.status.is_none() || self.shelf == Shelf::Listed || by_owner || by_all
    }

    /// Videos that are stuck or failed have an index: they are few among many that are READY.
    fn has_processing(&self, filter: &ProductFilter) -> bool {
        let is_of_all = self.owner.is_none() && filter.category.is_none();
        let is_few = filter.processing_status.is_some_and(|one| one != ProcessingStatus::Ready);
        let has_index = is_of_all && is_few && filter.ordering.by == SortBy::Created;
        filter.processing_status.is_none() || self.shelf == Shelf::Listed || has_index
    }

    /// Rows that match, for any index that has a condition of theirs.
    fn gathered(self, filter: &ProductFilter) -> Branch {
        let states = [status(filter), processing(filter)].into_iter();
        let states = states.filter(|_| self.shelf != Shelf::Listed);
        let all = [Some(self.shelf()), Some(EVERYBODY), self.owner()];
        all.into_iter().chain(states).chain(others(filter)).flatten().collect()
    }
}

/// The conditions that have nothing to do with whose a product is and where it stands.
fn others(filter: &ProductFilter) -> [Option<Condition>; 3] {
    [category(filter), currency(filter), words(filter)]
}

fn owned_by(owner: UserId) -> Condition {
    Condition::Id("owner_id = ", owner.uuid())
}

fn category(filter: &ProductFilter) -> Option<Condition> {
    filter.category.map(|category| Condition::Id("category_id = ", category.uuid()))
}

fn status(filter: &ProductFilter) -> Option<Condition> {
    filter.status.map(|status| Condition::named("status", status.as_str()))
}

/// Of those that are not READY said twice, so that the planner sees that the partial index has them.
fn processing(filter: &ProductFilter) -> Option<Condition> {
    filter.processing_status.map(|status| match status {
        ProcessingStatus::Ready => Condition::sql("processing_status = 'READY'"),
        ProcessingStatus::Uploading | ProcessingStatus::Processing | ProcessingStatus::Failed => {
            let is = format!(
                "processing_status <> 'READY' AND processing_status = '{}'",
                status.as_str()
            );
            Condition::Sql(is.into())
        }
    })
}

fn currency(filter: &ProductFilter) -> Option<Condition> {
    filter.currency.map(|currency| Condition::named("price_currency", currency.code()))
}

fn words(filter: &ProductFilter) -> Option<Condition> {
    let before = "search @@ websearch_to_tsquery('simple', ";
    filter.q.as_ref().map(|words| Condition::Text(before, words.as_str().to_owned(), ")"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ALICE: UserId = UserId::from_uuid(Uuid::from_u128(1));
    const BOB: UserId = UserId::from_uuid(Uuid::from_u128(2));

    #[test]
    fn an_end_user_sees_listed_products_and_all_of_their_own() {
        let scopes = super::scopes(Visibility::Own(ALICE), &ProductFilter::default());
        let listed = Scope { shelf: Shelf::Listed, owner: None };
        assert_eq!(scopes, [listed, Scope { shelf: Shelf::Unlisted, owner: Some(ALICE) }]);
    }

    #[test]
    fn of_somebody_else_an_end_user_sees_only_what_is_listed() {
        let of_bob = ProductFilter { uploaded_by: Some(BOB), ..ProductFilter::default() };
        let listed = Scope { shelf: Shelf::Listed, owner: Some(BOB) };
        assert_eq!(scopes(Visibility::Own(ALICE), &of_bob), [listed]);
    }

    #[test]
    fn what_nothing_listed_can_be_is_not_looked_for_there() {
        let pending = Some(ProductStatus::Pending);
        let pending = ProductFilter { status: pending, ..ProductFilter::default() };
        let unlisted = Scope { shelf: Shelf::Unlisted, owner: None };
        assert_eq!(scopes(Visibility::Everything, &pending), [unlisted]);
        assert_eq!(scopes(Visibility::Nothing, &pending), []);
    }
}
