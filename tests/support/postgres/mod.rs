//! PostgreSQL servers of a test's own: a primary and a synchronous standby.

mod pair;
mod server;

pub use pair::Pair;
pub use server::Server;
