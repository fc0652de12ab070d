//! What a read model has that the log does not say, or the other way round.

/// Rows of a table that are named one by one.
pub(crate) const NAMED: usize = 20;

/// A table that is not what its fold makes of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Which table.
    pub table: &'static str,
    /// Rows that differ.
    pub rows: i64,
    /// The first of them, by key.
    pub first: Vec<Difference>,
}

/// A row that is not what its fold makes of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which row.
    pub key: String,
    /// The log has made the row, and it is gone.
    pub missing: bool,
    /// Nothing in the log has made the row.
    pub extra: bool,
    /// Where both are: the columns that differ.
    pub columns: Vec<String>,
}
