//! Contract §1, one convention after the other.

mod bodies;
mod codings;
mod cors;
mod errors;
mod idempotency;
mod input;
mod lists;
mod pages;
mod replays;
mod representation;
mod requests;
mod rights;
mod targets;
mod versions;
mod writing;

use crate::support::{Shop, each};
