//! What the API is for: a module per resource with its routes, and what several of them share.

pub(crate) mod accounts;
pub(crate) mod categories;
pub(crate) mod feature;
pub(crate) mod idempotency;
pub(crate) mod live;
pub(crate) mod media_links;
pub(crate) mod orders;
pub(crate) mod pages;
pub(crate) mod policies;
pub(crate) mod products;
pub(crate) mod references;
pub(crate) mod resource;
pub(crate) mod samples;
pub(crate) mod storing;
pub(crate) mod system;
pub(crate) mod uploads;
