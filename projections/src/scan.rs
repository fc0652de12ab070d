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
        sql.push(format_args!("created_position {direction} LIMIT {limit}"));
    }

    /// Makes the page of the rows that were found.
    pub(crate) fn slice<T: Keyed>(&self, mut items: Vec<T>) -> Slice<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let back = self.goes_back();
        if back {
            items.reverse();
        }
        let beyond = |row: Option<&T>, direction| {
            let key = row.map(|row| row.key(self.ordering.by));
            self.cursor_from(key, direction)
        };
        let from_cursor = self.cursor.is_some();
        let (has_next, has_previous) = if back { (from_cursor, more) } else { (more, from_cursor) };
        let next = has_next.then(|| beyond(items.last(), Direction::Next)).flatten();
        let previous = has_previous.then(|| beyond(items.first(), Direction::Previous)).flatten();
        Slice { items, next, previous }
    }

    /// From an empty page, whose rows have gone, the way back starts with the cursor's own row.
    fn cursor_from(&self, key: Option<Key>, direction: Direction) -> Option<Cursor> {
        let including = key.is_none();
        let key = key.or_else(|| self.cursor.map(|cursor| cursor.key.clone()))?;
        Some(Cursor { direction, ordering: self.ordering, key, including })
    }
}
