//! What has to be met for a command to count, as statements of the modules that know what it is.

use domain::Refusal;
use pool::Statement;

/// A statement that has to change one row, or the command does not count.
#[derive(Clone)]
pub(crate) struct Condition {
    pub statement: Statement,
    pub unmet: Unmet,
}

/// What becomes of a command whose condition is not met.
#[derive(Clone)]
pub(crate) enum Unmet {
    /// Somebody else holds the name.
    Taken(Reservation),
    /// It is refused.
    Refused(Refusal),
}

/// A kind of name that one stream alone may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reservation {
    /// An e-mail address.
    Email,
    /// A category's name.
    CategoryName,
    /// A policy's code.
    PolicyCode,
}

impl Reservation {
    /// What the table calls it.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::CategoryName => "category_name",
            Self::PolicyCode => "policy_code",
        }
    }
}
