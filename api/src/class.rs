//! Kinds of requests that share their limits.

use std::num::NonZeroU32;

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

/// Requests a minute of one caller, by class; `None` is as many as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits([Option<NonZeroU32>; 4]);

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self([None; 4]);

    /// These limits with another one for a class; `None` where there is no class of that name.
    #[must_use]
    pub fn with(mut self, class: &str, limit: Option<NonZeroU32>) -> Option<Self> {
        let class = Class::ALL.into_iter().find(|known| known.name() == class)?;
        self.0[class as usize] = limit;
        Some(self)
    }

    /// How often one caller may ask for what is of that class.
    pub(crate) const fn of(self, class: Class) -> Option<NonZeroU32> {
        self.0[class as usize]
    }
}
