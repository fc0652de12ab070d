//! How a page is read: which way, from where, how far, as conditions and an order in SQL.

use domain::Currency;
use sqlx::{Postgres, QueryBuilder};

use crate::page::{Cursor, CursorError, Direction, Key, Ordering, Page, Slice, SortBy};

/// A row that lists have in an order.
pub(crate) trait Keyed {
    fn key(&self, by: SortBy) -> Key;
}

/// A piece of a list that an index has in its order. A list by price has two, one after the other:
/// an index that is read backwards would have what has no price first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// All of it.
    Whole,
    /// What has a price.
    Priced,
    /// What has none.
    Unpriced,
}

impl Section {
    fn of(key: &Key) -> Self {
        match key {
            Key::Position(_) | Key::Name(..) => Self::Whole,
            Key::Price(Some(_), ..) => Self::Priced,
            Key::Price(None, ..) => Self::Unpriced,
        }
    }
}

/// What was read for a page.
pub(crate) struct PageRows<T> {
    /// The rows, in the order of the scan; more than the page has where others follow.
    pub rows: Vec<T>,
    /// Where reading ended although the page was not full and the list may go on.
    pub ended: Option<Key>,
}

impl<T> PageRows<T> {
    /// Whether there is nothing more to read for this page.
    pub(crate) fn is_complete(&self, scan: &Scan<'_>) -> bool {
        self.ended.is_none() || self.rows.len() >= scan.rows()
    }
}

impl<T> From<Vec<T>> for PageRows<T> {
    fn from(rows: Vec<T>) -> Self {
        Self { rows, ended: None }
    }
}

/// How a page is read: which way, from where, how far.
pub(crate) struct Scan<'a> {
    ordering: Ordering,
    cursor: Option<&'a Cursor>,
    limit: usize,
    /// The one that all rows have.
    currency: Option<Currency>,
}

impl<'a> Scan<'a> {
    pub(crate) fn try_new(page: &'a Page, ordering: Ordering) -> Result<Self, CursorError> {
        let cursor = page.cursor.as_ref();
        if cursor.is_some_and(|cursor| cursor.ordering != ordering) {
            return Err(CursorError::OtherOrdering);
        }
        let limit = usize::try_from(page.limit.clamp(1, 100)).unwrap_or(1);
        Ok(Self { ordering, cursor, limit, currency: None })
    }

    /// Of rows that all have that currency, if one is given.
    pub(crate) fn in_currency(self, currency: Option<Currency>) -> Result<Self, CursorError> {
        let key = self.cursor.map(|cursor| &cursor.key);
        if let (Some(currency), Some(Key::Price(of_cursor, ..))) = (currency, key)
            && of_cursor.as_deref() != Some(currency.code())
        {
            return Err(CursorError::OtherOrdering);
        }
        Ok(Self { currency, ..self })
    }

    /// Rows to read: one more than the page has tells whether another follows.
    pub(crate) fn rows(&self) -> usize {
        self.limit + 1
    }

    pub(crate) fn sorted_by(&self) -> SortBy {
        self.ordering.by
    }

    fn goes_back(&self) -> bool {
        self.cursor.is_some_and(|cursor| cursor.direction == Direction::Previous)
    }

    fn descends(&self) -> bool {
        self.ordering.descending != self.goes_back()
    }

    /// The list's pieces from the cursor on, in the order in which they are read.
    pub(crate) fn sections(&self) -> Vec<Section> {
        use Section::{Priced, Unpriced, Whole};
        let mut sections = match (self.ordering.by, self.currency) {
            (SortBy::Created | SortBy::Name, _) => vec![Whole],
            (SortBy::Price, Some(_)) => vec![Priced],
            (SortBy::Price, None) => vec![Priced, Unpriced],
        };
        if self.goes_back() {
            sections.reverse();
        }
        let first = self.cursor.map(|cursor| Section::of(&cursor.key));
        let begins = sections.iter().position(|section| Some(*section) == first);
        sections.split_off(begins.unwrap_or(0))
    }

    /// Adds the conditions that rows are of that piece and beyond the cursor.
    pub(crate) fn push_section(&self, sql: &mut QueryBuilder<'_, Postgres>, section: Section) {
        match (section, self.currency) {
            (Section::Whole, _) => {}
            (Section::Priced, None) => {
                sql.push(" AND price_currency IS NOT NULL");
            }
            (Section::Priced, Some(currency)) => {
                sql.push(" AND price_currency = ").push_bind(currency.code());
            }
            // All of these sort as one price; that it is one has an index begin within them.
            (Section::Unpriced, _) => {
                sql.push(format_args!(" AND price_currency IS NULL AND sort_price = {}", i64::MAX));
            }
        }
        if self.cursor.is_some_and(|cursor| Section::of(&cursor.key) == section) {
            self.push_after(sql);
        }
    }

    /// Adds the condition that rows are beyond the cursor.
    pub(crate) fn push_after(&self, sql: &mut QueryBuilder<'_, Postgres>) {
        let Some(cursor) = self.cursor else { return };
        let operator = match (self.descends(), cursor.including) {
            (true, false) => "<",
            (true, true) => "<=",
            (false, false) => ">",
            (false, true) => ">=",
        };
        match &cursor.key {
            Key::Position(position) | Key::Price(None, _, position) => {
                sql.push(format_args!(" AND created_position {operator} ")).push_bind(*position);
            }
            // Where the currency is one and the same, an index would take that for where to begin.
            Key::Price(Some(currency), price, position) if self.currency.is_none() => {
                let columns = "(price_currency, sort_price, created_position)";
                sql.push(format_args!(" AND {columns} {operator} ("));
                sql.push_bind(currency.clone()).push(", ").push_bind(*price);
                sql.push(", ").push_bind(*position).push(")");
            }
            Key::Price(Some(_), price, position) => {
                sql.push(format_args!(" AND (sort_price, created_position) {operator} ("));
                sql.push_bind(*price).push(", ").push_bind(*position).push(")");
            }
            Key::Name(name, position) => {
                sql.push(format_args!(" AND (sort_name, created_position) {operator} ("));
                sql.push_bind(name.clone()).push(", ").push_bind(*position).push(")");
            }
        }
    }

    /// Adds order and limit. The limit is no parameter, lest the planner plan for any limit.
    pub(crate) fn push_order(
        &self,
        sql: &mut QueryBuilder<'_, Postgres>,
        section: Section,
        limit: usize,
    ) {
        self.push_sort(sql, section);
        sql.push(format_args!(" LIMIT {limit}"));
    }

    /// Adds the order.
    pub(crate) fn push_sort(&self, sql: &mut QueryBuilder<'_, Postgres>, section: Section) {
        let direction = if self.descends() { "DESC" } else { "ASC" };
        sql.push(" ORDER BY ");
        match (self.ordering.by, section, self.currency) {
            (SortBy::Created, ..) => {}
            (SortBy::Name, ..) => {
                sql.push(format_args!("sort_name {direction}, "));
            }
            (SortBy::Price, Section::Priced, Some(_)) => {
                sql.push(format_args!("sort_price {direction}, "));
            }
            (SortBy::Price, ..) => {
                sql.push(format_args!("price_currency {direction}, sort_price {direction}, "));
            }
        }
        sql.push(format_args!("created_position {direction}"));
    }

    /// Makes the page of what was found.
    pub(crate) fn slice<T: Keyed>(&self, found: PageRows<T>) -> Slice<T> {
        let PageRows { rows: mut items, ended } = found;
        let is_full = items.len() > self.limit;
        items.truncate(self.limit);
        let back = self.goes_back();
        let farthest = items.last().map(|row| row.key(self.ordering.by));
        let onward = if is_full { farthest } else { ended };
        let (on, home) = if back {
            (Direction::Previous, Direction::Next)
        } else {
            (Direction::Next, Direction::Previous)
        };
        let onward = onward.and_then(|key| self.cursor_from(Some(key), on));
        let nearest = items.first().map(|row| row.key(self.ordering.by));
        let homeward = self.cursor.and_then(|_| self.cursor_from(nearest, home));
        if back {
            items.reverse();
        }
        let (next, previous) = if back { (homeward, onward) } else { (onward, homeward) };
        Slice { items, next, previous }
    }

    /// From an empty page, whose rows have gone, the way back starts with the cursor's own row.
    fn cursor_from(&self, key: Option<Key>, direction: Direction) -> Option<Cursor> {
        let including = key.is_none();
        let key = key.or_else(|| self.cursor.map(|cursor| cursor.key.clone()))?;
        Some(Cursor { direction, ordering: self.ordering, key, including })
    }
}
