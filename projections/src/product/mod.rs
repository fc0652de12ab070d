//! The catalogue: one row per product.

mod list;
mod query;
mod row;
mod view;

pub use list::ProductFilter;
pub use query::Products;
pub use row::{ProductRow, RowVideo};
pub use view::{CategorySummary, Product, ProductView, VideoFacts};
