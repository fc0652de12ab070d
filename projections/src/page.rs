//! Pages by key, in the shape of DRF's CursorPagination: each starts where a cursor says, found
//! in an index, so that none costs more than the first.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::choice;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Rows, 1 to 100.
    pub limit: i64,
    /// Where it starts; at the list's beginning without one.
    pub cursor: Option<Cursor>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 20, cursor: None }
    }
}

/// What a page has, and where its neighbours start.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The page after; `None` on the last.
    pub next: Option<Cursor>,
    /// The page before; `None` on the first.
    pub previous: Option<Cursor>,
}

impl<T> Slice<T> {
    /// Nothing at all.
    pub const fn empty() -> Self {
        Self { items: vec![], next: None, previous: None }
    }

    /// This page, with each item converted.
    pub fn map<U>(self, into: impl FnMut(T) -> U) -> Slice<U> {
        let items = self.items.into_iter().map(into).collect();
        Slice { items, next: self.next, previous: self.previous }
    }
}

/// A cursor is refused: 400 `invalid_cursor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not one that this program made.
    #[error("The cursor cannot be read: use next or previous unchanged.")]
    Malformed,
    /// Made for a list in another order.
    #[error("The cursor belongs to another ordering: start again without it.")]
    OtherOrdering,
}

/// Where a page starts. Opaque outside: base64url of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    #[serde(rename = "d")]
    pub(crate) direction: Direction,
    #[serde(rename = "o")]
    pub(crate) ordering: Ordering,
    #[serde(rename = "k")]
    pub(crate) key: Key,
    /// Whether the row with that key is on the page.
    #[serde(rename = "i", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) including: bool,
}

/// Which way a page goes from its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// On.
    #[serde(rename = "n")]
    Next,
    /// Back.
    #[serde(rename = "p")]
    Previous,
}

/// A row's place in a list: unique, whatever else is equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// `created_position`.
    Position(i64),
    /// `price_currency, sort_price, created_position`.
    Price(Option<String>, i64, i64),
    /// `sort_name, created_position`.
    Name(String, i64),
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// When the row was made.
    Created,
    /// Its name.
    Name,
    /// Its price: by currency, then by amount. What has none comes last, both ways.
    Price,
}

/// The order of a list: `created_at`, `-name` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Ordering {
    /// By what.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Ordering {
    /// Newest first.
    pub const NEWEST: Self = Self { by: SortBy::Created, descending: true };

    /// Oldest first.
    pub const OLDEST: Self = Self { by: SortBy::Created, descending: false };

    /// Every order, as a client names it.
    pub const NAMES: [&'static str; 6] =
        ["created_at", "-created_at", "name", "-name", "price", "-price"];

    /// As a client names it.
    pub const fn as_str(self) -> &'static str {
        match (self.by, self.descending) {
            (SortBy::Created, false) => "created_at",
            (SortBy::Created, true) => "-created_at",
            (SortBy::Name, false) => "name",
            (SortBy::Name, true) => "-name",
            (SortBy::Price, false) => "price",
            (SortBy::Price, true) => "-price",
        }
    }
}

impl PartialSchema for Ordering {
    fn schema() -> RefOr<Schema> {
        choice("The order of a list; with `-` the greatest comes first.", Self::NAMES)
    }
}

impl ToSchema for Ordering {}

impl Default for Ordering {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl From<Ordering> for &'static str {
    fn from(ordering: Ordering) -> Self {
        ordering.as_str()
    }
}

impl FromStr for Ordering {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = match name {
            "created_at" => SortBy::Created,
            "name" => SortBy::Name,
            "price" => SortBy::Price,
            _ => {
                let choices = Self::NAMES.join(", ");
                return Err(format!("Not a valid choice: one of {choices} is expected."));
            }
        };
        Ok(Self { by, descending })
    }
}

impl TryFrom<String> for Ordering {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| CursorError::Malformed)?;
        // PostgreSQL's text holds no NUL, so no row can have given a key with one.
        let fits = match (cursor.ordering.by, &cursor.key) {
            (SortBy::Created, Key::Position(_)) | (SortBy::Price, Key::Price(None, ..)) => true,
            (SortBy::Price, Key::Price(Some(text), ..)) | (SortBy::Name, Key::Name(text, _)) => {
                !text.contains('\0')
            }
            (SortBy::Created | SortBy::Name | SortBy::Price, _) => false,
        };
        if fits { Ok(cursor) } else { Err(CursorError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Scan;

    fn cursor(ordering: &str, key: Key) -> Cursor {
        let ordering = ordering.parse().unwrap();
        Cursor { direction: Direction::Next, ordering, key, including: false }
    }

    #[test]
    fn a_cursor_survives_being_written_and_read() {
        for cursor in [
            cursor("-created_at", Key::Position(7)),
            cursor("name", Key::Name("ö\"".to_owned(), 8)),
            cursor("-price", Key::Price(None, i64::MAX, 9)),
            cursor("price", Key::Price(Some("EUR".to_owned()), 1250, 10)),
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let forged = cursor("name", Key::Position(7)).to_string();
        let nul = cursor("name", Key::Name("\0".to_owned(), 7)).to_string();
        let nul_price = cursor("price", Key::Price(Some("\0".to_owned()), 1, 7)).to_string();
        for text in ["", "%", "e30", &forged, &nul, &nul_price] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError::Malformed), "{text}");
        }
    }

    #[test]
    fn mutated_cursors_never_panic_and_mean_one_thing_where_they_are_taken() {
        let good = [
            cursor("-created_at", Key::Position(7)),
            cursor("name", Key::Name("ö\"".to_owned(), 8)),
            cursor("-price", Key::Price(None, i64::MAX, 9)),
            cursor("price", Key::Price(Some("EUR".to_owned()), 1250, 10)),
        ];
        let json = good.iter().map(|cursor| serde_json::to_vec(cursor).unwrap());
        let texts = good.iter().map(|cursor| cursor.to_string().into_bytes());
        let good: Vec<_> = json.chain(texts).collect();

        crate::mutated::feed("cursor", &good, |input| {
            // Also as the JSON within.
            for text in [String::from_utf8_lossy(input).into_owned(), URL_SAFE_NO_PAD.encode(input)]
            {
                if let Ok(cursor) = text.parse::<Cursor>() {
                    assert_eq!(cursor.to_string().parse(), Ok(cursor), "{input:?}");
                }
            }
        });
    }

    #[test]
    fn a_cursor_is_only_good_for_its_own_ordering() {
        let cursor = Some(cursor("name", Key::Name("a".to_owned(), 1)));
        let page = Page { cursor, ..Page::default() };
        assert!(Scan::try_new(&page, "name".parse().unwrap()).is_ok());
        let other = Scan::try_new(&page, "-name".parse().unwrap());
        assert_eq!(other.err(), Some(CursorError::OtherOrdering));
    }
}
