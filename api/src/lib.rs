//! The REST face of Vetted. `router.rs` is its table of contents; a module per resource holds
//! its routes, and the rest is what requests go through on their way there and back.

mod access;
mod app;
mod class;
mod features;
mod http;
mod hub;
mod limits;
mod observe;
mod openapi;
mod router;
mod server;
mod table;

pub use crate::http::payload;
pub use app::{App, Checked, Health, Parts, Settings};
pub use class::RateLimits;
pub use hub::{Live, VideoProgress};
pub use router::{operations, service, watching};
pub use server::{ConnectionLimits, Listening, Service, serve};

#[cfg(test)]
#[path = "../../tests/mutated.rs"]
mod mutated;
