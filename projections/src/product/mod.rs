//! The catalogue: one row per product.

mod list;
mod news;
mod query;
mod row;
mod view;

pub use list::ProductFilter;
pub use news::{News, Scope};
pub use query::{ProductAt, Products};
pub use row::{ProductRow, RowVideo};
pub use view::{CategorySummary, MediaLinks, Product, ProductView, VideoFacts};
