//! What stands between the program and PostgreSQL, and how settings get past it.

use std::fmt::Write as _;
use std::time::Duration;

/// What stands between the program and PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing.
    #[default]
    None,
    /// A pooler that keeps a server's connection for a client as long as the client stays connected.
    Session,
    /// A pooler that gives a client a server's connection for one transaction at a time.
    Transaction,
}

/// Name and value of a setting of PostgreSQL; neither needs to be quoted.
pub type Setting = (&'static str, &'static str);

/// Commits that wait neither for the disk nor for a standby: for what is done again where a crash loses it.
pub const UNFLUSHED: Setting = ("synchronous_commit", "off");

/// How many connections a pool has, and how long one is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At most so many.
    pub connections: u32,
    /// After that there is none.
    pub patience: Duration,
}

/// For a session.
pub(crate) fn set(settings: &[Setting]) -> String {
    statements("SET", settings)
}

/// For a transaction that has just begun.
pub(crate) fn set_local(settings: &[Setting]) -> String {
    statements("SET LOCAL", settings)
}

fn statements(set: &str, settings: &[Setting]) -> String {
    settings.iter().fold(String::new(), |mut text, (name, value)| {
        // A string takes everything.
        let _ = write!(text, "; {set} {name} = '{value}'");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_statement_that_begins_a_transaction() {
        let settings = [("jit", "off"), ("statement_timeout", "20s")];

        assert_eq!(
            format!("BEGIN{}", set_local(&settings)),
            "BEGIN; SET LOCAL jit = 'off'; SET LOCAL statement_timeout = '20s'"
        );
    }
}
