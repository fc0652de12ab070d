//! Connections to PostgreSQL, straight or through a pooler such as PgBouncer. A pooler that hands out a
//! server's connection for one transaction at a time keeps nothing of a session between two: neither
//! settings nor prepared statements, not even between the two messages that sqlx prepares and runs a
//! statement with. With [`Pooler::Transaction`] each statement therefore runs in a transaction, which
//! begins by making the settings its own, and as an unnamed statement. Without a pooler everything is as
//! sqlx does it. The rest of the program takes these types instead of sqlx's, so the rule is kept here alone.

mod connection;
mod executor;
mod lease;
mod migration;
mod pooler;
mod refusal;
mod statement;
mod transaction;

pub use connection::{Connections, PgConnection, PgPool, PoolConnection};
pub use lease::{Lease, Leased, interval, keep};
pub use migration::{MigrationError, migrate};
pub use pooler::{Limits, Pooler, Setting, UNFLUSHED};
pub use refusal::{refusal, sqlstate};
pub use statement::Statement;
pub use transaction::Transaction;
