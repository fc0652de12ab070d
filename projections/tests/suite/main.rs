//! Folds without a database, and everything else with one of its own per test.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod database;
mod folds;
mod making;
mod news;
mod plans;
mod policies;
mod queries;
mod rebuilding;
mod timelines;
mod walking;
