//! The read side: pure folds from events to rows, and the queries on them.
//!
//! One file per read model: its row, its fold, its queries. `machine.rs` runs the folds, inline
//! in an append's transaction ([`ReadModels`]) as well as in [`rebuild`] and [`verify`],
//! so these cannot disagree.

mod activity;
mod batch;
mod category;
mod cited;
mod compare;
mod copy;
mod drift;
mod error;
mod indexes;
mod inline;
mod listing;
mod machine;
mod models;
mod order;
mod page;
mod plan;
mod policy;
mod product;
mod reading;
mod rebuild;
mod scan;
mod snapshot;
mod streams;
mod timeline;
pub mod timestamp;
mod user;
mod verify;
mod visibility;

pub use activity::{Activity, ActivityCursor, ActivityEntry, ActivityPage, ActivityType};
pub use category::{Categories, Category, CategoryRow};
pub use cited::{DecisionPolicies, DecisionPolicy};
pub use drift::{Difference, Drift};
pub use error::{ProjectionError, ReadError, RebuildError};
pub use inline::ReadModels;
pub use machine::{Fold, Owned, Table};
pub use models::outdated;
pub use order::{Order, OrderFilter, OrderRow, Orders};
pub use page::{Cursor, CursorError, Direction, Key, Ordering, Page, Slice, SortBy};
pub use policy::{Policies, Policy, PolicyRow};
pub use product::{
    CategorySummary, MediaLinks, News, Past, PictureLinks, Product, ProductAt, ProductFilter,
    ProductRow, ProductView, Products, RowVideo, Scope, Search, SearchError, VideoFacts,
};
pub use rebuild::{discard_leftovers, leftovers, rebuild};
pub use timeline::{
    FieldChange, Timeline, TimelineActor, TimelineEntry, TimelineEntryType, timeline_of,
};
pub use user::{User, UserFilter, UserRow, Users};
pub use verify::verify;
pub use visibility::Visibility;

// Helpers of tests call this crate by its name.
#[cfg(test)]
extern crate self as projections;
#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
