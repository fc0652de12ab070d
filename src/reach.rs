//! Servers that the program needs and can't reach: one sentence that names the variable, the cause
//! and where it looked, and never a password.

use std::error::Error;
use std::io::{self, ErrorKind};

use sqlx::postgres::PgConnectOptions;

/// A server that can't be used; the text is meant for the program's user.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {cause} at {place}")]
pub struct Unreachable {
    /// The variable, or the private server's name.
    pub variable: &'static str,
    /// What went wrong.
    pub cause: String,
    /// Host and port, or the path of a socket.
    pub place: String,
}

/// Why PostgreSQL can't be connected to.
pub fn database(
    variable: &'static str,
    options: &PgConnectOptions,
    error: &sqlx::Error,
) -> Unreachable {
    let cause = match error {
        sqlx::Error::Database(refused) => refusal(options, refused.as_ref()),
        sqlx::Error::Tls(source) => format!("TLS could not be set up ({})", cause(source.as_ref())),
        sqlx::Error::Protocol(_) => "no answer in PostgreSQL's protocol".to_owned(),
        other => cause(other),
    };
    Unreachable { variable, cause, place: place(options) }
}

/// The error where the server did not answer in time.
pub fn slow_database(variable: &'static str, options: &PgConnectOptions) -> Unreachable {
    Unreachable { variable, cause: "timed out".to_owned(), place: place(options) }
}

/// By the SQLSTATE: the texts are in the server's language.
fn refusal(options: &PgConnectOptions, refused: &dyn sqlx::error::DatabaseError) -> String {
    let database = options.get_database().unwrap_or_default();
    match refused.code().as_deref() {
        Some("28P01") => "password refused".to_owned(),
        Some("28000") => "login refused".to_owned(),
        Some("3D000") => format!("no such database as {database:?}"),
        Some("42501") => format!("no right to connect to {database:?}"),
        Some("53300") => "too many connections".to_owned(),
        // PgBouncer's, to what PostgreSQL would take.
        Some("08P01") => {
            "refused as a breach of the protocol, as PgBouncer does: set DATABASE_POOLER, and look at its log,"
                .to_owned()
        }
        Some("57P03") => "the server is still starting, or shutting down,".to_owned(),
        code => format!("connection refused with SQLSTATE {}", code.unwrap_or("unknown")),
    }
}

fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => format!("{} port {}", socket.display(), options.get_port()),
        None => host_and_port(options.get_host(), options.get_port()),
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The cause in few words: what the system said, wherever a library has put it.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    said_in(error).map_or_else(|| innermost(error).to_string(), str::to_owned)
}

fn said_in(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(system) = error.downcast_ref::<io::Error>() {
        let inner = || system.get_ref().and_then(|inner| said_in(inner));
        return said_by_system(system).or_else(inner);
    }
    error.source().and_then(said_in)
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}

fn said_by_system(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some("connection refused"),
        ErrorKind::TimedOut => Some("timed out"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Some("connection closed")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some("no route"),
        ErrorKind::NotFound => Some("no such socket"),
        ErrorKind::PermissionDenied => Some("permission denied"),
        // The standard library has no stable kind for it.
        _ if error.to_string().contains("lookup address") => Some("no such host"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_inside_of_what_libraries_put_around_it() {
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        let around = io::Error::other(io::Error::other(refused));

        assert_eq!(cause(&around), "connection refused");
        assert_eq!(
            cause(&io::Error::other("failed to lookup address information: x")),
            "no such host"
        );
        assert_eq!(cause(&io::Error::other("odd")), "odd");
    }

    #[test]
    fn a_place_is_a_host_with_a_port_or_a_socket() {
        let options = |url: &str| url.parse::<PgConnectOptions>().unwrap();

        assert_eq!(place(&options("postgres://me:secret@db:1/x")), "db:1");
        assert_eq!(place(&options("postgres:///x?host=/run/pg")), "/run/pg port 5432");
        assert_eq!(host_and_port("::1", 1), "[::1]:1");
    }
}
