//! One short file per subcommand.

pub mod audit;
pub mod demo;
pub mod jwe_open;
pub mod keys;
pub mod migrate;
pub mod projections;
pub mod users;
pub mod worker;

use std::io::{Write, stdout};

use crate::parts::Error;

/// Prints a line of the result; a closed pipe ends the program quietly.
pub fn say(line: &str) -> Result<(), Error> {
    writeln!(stdout().lock(), "{line}").map_err(|source| Error::Io { what: "printing", source })
}
