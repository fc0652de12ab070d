//! The REST face of Vetted. `router.rs` is its table of contents; a module per resource holds
//! its routes, and the rest is what requests go through on their way there and back.

mod accounts;
mod app;
mod around;
mod caller;
mod categories;
mod class;
mod conditional;
mod cors;
mod drain;
mod edit;
mod fingerprint;
mod forwarded;
mod idempotency;
mod input;
mod list;
mod live;
mod media_links;
mod multipart;
mod observe;
mod openapi;
mod orders;
mod overload;
mod pages;
mod path;
pub mod payload;
mod permission;
mod problem;
mod products;
mod query;
mod rate;
mod resource;
mod router;
mod server;
mod storing;
mod uploads;

pub use app::{App, Health, Parts, Settings};
pub use live::{Live, Progress};
pub use rate::RateLimits;
pub use router::{Service, service, watching};
pub use server::serve;

#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
