//! What tests stand on.

pub mod database;

pub use database::TestDatabase;
