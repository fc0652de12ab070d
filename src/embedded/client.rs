//! PostgreSQL's client programs, such as `pg_dump`, of a version that a server works with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Error, Result, process};

/// Where Debian puts them, by version.
const PACKAGED: &str = "/usr/lib/postgresql";

/// The program of the server's major version, or else of the next newer one that is installed: an older one
/// refuses to read from the server.
pub fn client_program(name: &'static str, version: u32) -> Result<PathBuf> {
    let found = match std::env::var_os("PG_BIN") {
        Some(folder) => fitting([PathBuf::from(folder).join(name)], version),
        None => {
            packaged(name, version).or_else(|| fitting(process::find_programs(name, &[]), version))
        }
    };
    found.ok_or(Error::Client { program: name, version })
}

fn packaged(name: &str, version: u32) -> Option<PathBuf> {
    let entries = fs::read_dir(PACKAGED).ok()?.filter_map(std::result::Result::ok);
    let versions = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let program = |found: u32| Path::new(PACKAGED).join(found.to_string()).join("bin").join(name);
    let found = versions.filter(|found| *found >= version && program(*found).is_file()).min()?;
    Some(program(found))
}

fn fitting(programs: impl IntoIterator<Item = PathBuf>, version: u32) -> Option<PathBuf> {
    programs.into_iter().find(|program| major_of(program).is_some_and(|found| found >= version))
}

/// From a line such as `pg_dump (PostgreSQL) 16.4 (Debian 16.4-1)`.
fn major_of(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

fn parse_major(line: &str) -> Option<u32> {
    let version = line.split_once(") ")?.1;
    version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_its_version() {
        assert_eq!(parse_major("pg_dump (PostgreSQL) 16.4 (Debian 16.4-1.pgdg120+1)\n"), Some(16));
        assert_eq!(parse_major("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }
}
