//! The REST face of Vetted. `router.rs` is its table of contents; a module per resource holds
//! its routes, and the rest is what requests go through on their way there and back.

mod accounts;
mod admission;
mod app;
mod arrival;
mod bearer;
mod caller;
mod categories;
mod class;
mod coding;
mod conditional;
mod cors;
mod counts;
mod drain;
mod edit;
mod fingerprint;
mod fixed;
mod forwarded;
mod head;
mod host;
mod hub;
mod idempotency;
mod input;
mod list;
mod live;
mod media_links;
mod media_type;
mod multipart;
mod name;
mod observe;
mod openapi;
mod options;
mod orders;
mod overload;
mod pace;
mod pages;
mod path;
pub mod payload;
mod permission;
mod policies;
mod policy;
mod problem;
mod products;
mod query;
mod rate;
mod references;
mod resource;
mod router;
mod server;
mod storing;
mod system;
mod table;
mod tus;
mod uploads;

pub use app::{App, Checked, Health, Parts, Settings};
pub use class::RateLimits;
pub use hub::{Live, VideoProgress};
pub use router::{operations, service, watching};
pub use server::{ConnectionLimits, Listening, Service, serve};

#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
