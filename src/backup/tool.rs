//! Running `pg_dump` and `pg_restore`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use url::Url;

use crate::database;
use crate::embedded;
use crate::error::Error;

/// The certificates that Debian trusts; libpq looks only for one of its own.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// What is kept of what a program says, to tell why it failed.
const LAST_LINES: usize = 20;

/// A program of PostgreSQL's that works on one database.
pub(super) struct Tool {
    name: &'static str,
    program: PathBuf,
    /// How it reaches the database: arguments can be read by every account of the machine.
    environment: Vec<(&'static str, String)>,
}

impl Tool {
    /// Finds the program for a server of that version (`server_version_num`).
    pub(super) fn find(name: &'static str, server: u32, url: &SecretString) -> Result<Self, Error> {
        let program = embedded::client_program(name, server / 10_000)?;
        Ok(Self { name, program, environment: environment(url.expose_secret())? })
    }

    /// The name of the database, for an argument.
    pub(super) fn database(&self) -> &str {
        let name = self.environment.iter().find(|(variable, _)| *variable == "PGDATABASE");
        name.map_or("", |(_, name)| name)
    }

    /// Runs it to its end. It is killed where nobody waits for it any more. `each` is told what it says.
    pub(super) async fn run(
        &self,
        arguments: &[impl AsRef<OsStr> + Sync],
        mut each: impl FnMut(&str),
    ) -> Result<(), Error> {
        let what = self.name;
        let failed = |source| Error::Io { what, source };
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.environment.iter().cloned()).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().map_err(failed)?;
        let mut said = vec![];
        if let Some(stderr) = process.stderr.take() {
            let mut lines = BufReader::new(stderr).lines();
            while let Some(line) = lines.next_line().await.map_err(failed)? {
                each(&line);
                said.push(line);
                if said.len() > LAST_LINES {
                    said.remove(0);
                }
            }
        }
        if process.wait().await.map_err(failed)?.success() {
            return Ok(());
        }
        Err(Error::Usage(format!("{what} failed: {}", reason(&said))))
    }
}

/// The line that says what went wrong, or else the last one.
fn reason(said: &[String]) -> &str {
    let error = said.iter().rev().find(|line| line.contains("error:") || line.contains("ERROR:"));
    error.or(said.last()).map_or("it said nothing", String::as_str)
}

/// What libpq reads, for the same database.
fn environment(url: &str) -> Result<Vec<(&'static str, String)>, Error> {
    let options = PgConnectOptions::from_str(url).map_err(database::Error::Url)?;
    let host = options.get_socket().map(|socket| socket.display().to_string());
    let user = options.get_username().to_owned();
    let mut environment = vec![
        ("PGHOST", host.unwrap_or_else(|| options.get_host().to_owned())),
        ("PGPORT", options.get_port().to_string()),
        ("PGDATABASE", options.get_database().unwrap_or(&user).to_owned()),
        ("PGUSER", user),
    ];
    let parsed = Url::parse(url).ok();
    let password = parsed.as_ref().and_then(Url::password);
    let password = password.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
    environment.extend(password.map(|password| ("PGPASSWORD", password)));
    let query: Vec<(String, String)> =
        parsed.iter().flat_map(|url| url.query_pairs().into_owned()).collect();
    let member = |names: &[&str]| {
        query
            .iter()
            .find(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| value.clone())
    };
    environment.extend(member(&["password"]).map(|value| ("PGPASSWORD", value)));
    let mode = member(&["sslmode", "ssl-mode"]);
    let authorities = member(&["sslrootcert", "ssl-root-cert", "ssl-ca"]).or_else(|| {
        let is_checked = mode.as_deref().is_some_and(|mode| mode.starts_with("verify"));
        (is_checked && PathBuf::from(AUTHORITIES).is_file()).then(|| AUTHORITIES.to_owned())
    });
    environment.extend(mode.map(|value| ("PGSSLMODE", value)));
    environment.extend(authorities.map(|value| ("PGSSLROOTCERT", value)));
    environment.extend(member(&["sslcert", "ssl-cert"]).map(|value| ("PGSSLCERT", value)));
    environment.extend(member(&["sslkey", "ssl-key"]).map(|value| ("PGSSLKEY", value)));
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reaches_the_database_that_the_address_names() {
        let url = "postgres://me:s%40cret@db:6543/shop?sslmode=verify-full&sslrootcert=/ca.pem";
        let found = environment(url).unwrap();
        let expected = [
            ("PGHOST", "db"),
            ("PGPORT", "6543"),
            ("PGDATABASE", "shop"),
            ("PGUSER", "me"),
            ("PGPASSWORD", "s@cret"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca.pem"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())));

        let socket = environment("postgres://vetted@localhost/vetted?host=%2Frun%2Fpg").unwrap();
        assert!(socket.contains(&("PGHOST", "/run/pg".to_owned())), "{socket:?}");
    }

    #[test]
    fn the_reason_is_the_line_that_says_so() {
        let said =
            ["pg_dump: last built-in OID is 16383", "pg_dump: error: no room", "pg_dump: hint: x"];
        assert_eq!(reason(&said.map(str::to_owned)), "pg_dump: error: no room");
    }
}
