//! The catalogue: one row per product.

mod gone;
mod list;
mod news;
mod past;
#[cfg(test)]
mod plans;
mod query;
mod row;
mod search;
mod view;

pub use list::ProductFilter;
pub use news::{News, Scope};
pub use past::Past;
pub(crate) use query::open_of;
pub use query::{ProductAt, Products};
pub use row::{ProductRow, RowVideo};
pub use search::{Search, SearchError};
pub use view::{CategorySummary, MediaLinks, PictureLinks, Product, ProductView, VideoFacts};
