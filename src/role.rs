//! What of the program runs in one process.

/// What of the program runs in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// API and workers, on a database that is brought up to date first.
    Everything,
    /// The API.
    Api,
    /// The workers.
    Worker,
}
