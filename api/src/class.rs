//! Kinds of requests that share their limits.

/// What a request mostly costs. Its route's policy says which it is of (`policy.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A query.
    Reads,
    /// A commit.
    Commands,
    /// Hashing a password, or sending a mail to somebody who is not signed in.
    SignIns,
    /// A connection, for as long as it takes.
    Uploads,
}

impl Class {
    /// In the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [Self::Reads, Self::Commands, Self::SignIns, Self::Uploads];

    /// As in the configuration and in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Commands => "commands",
            Self::SignIns => "sign-ins",
            Self::Uploads => "uploads",
        }
    }
}
