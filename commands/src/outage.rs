//! Failures that pass by themselves: the database or the storage is down, full, overloaded or being replaced, and
//! the same request may succeed in a moment.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

/// Classes of SQLSTATE (appendix A of PostgreSQL's manual): broken connections, transactions that were
/// rolled back, resources that ran out, objects that are in use, an operator's intervention, and errors of
/// the system below.
const CLASSES: [&str; 6] = ["08", "40", "53", "55", "57", "58"];
/// `read_only_sql_transaction`: a standby that is about to take over, or a primary that was one.
const READ_ONLY: &str = "25006";

/// Whether an error, or one that led to it, passes by itself.
pub fn is_outage(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |&error| error.source()).any(|error| {
        error.downcast_ref().is_some_and(of_database)
            || error.downcast_ref().is_some_and(of_storage)
            || error.downcast_ref().is_some_and(of_system)
    })
}

fn of_database(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refused) => refused.code().is_some_and(|code| {
            code == READ_ONLY || CLASSES.iter().any(|class| code.starts_with(class))
        }),
        // Protocol: where a server goes away while it is connected to.
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// What the storage answers about one object does not pass. [`Generic`](object_store::Error::Generic) is everything
/// else: no answer, or one of 5xx. And where it does not let this program in, as for a clock that is off or a key
/// that was replaced, it is not the caller who is refused: another process may be let in, or this one later.
fn of_storage(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::Generic { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
    )
}

fn of_system(error: &io::Error) -> bool {
    let is_passing = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::ResourceBusy
    );
    // What it wraps is not its source.
    is_passing || error.get_ref().is_some_and(|inner| is_outage(inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandError;

    #[test]
    fn what_led_to_an_error_is_found_below_it() {
        let refused = || io::Error::from(ErrorKind::ConnectionRefused);
        assert!(is_outage(&sqlx::Error::PoolTimedOut));
        assert!(is_outage(&io::Error::other(sqlx::Error::Io(refused()))));
        assert!(is_outage(&CommandError::fault(sqlx::Error::Io(refused()))));
        let denied = || object_store::Error::PermissionDenied {
            path: "readiness".to_owned(),
            source: "RequestTimeTooSkewed".into(),
        };
        assert!(is_outage(&denied()));
        assert!(is_outage(&CommandError::fault(denied())));
    }

    #[test]
    fn a_fault_of_the_program_does_not_pass() {
        assert!(!is_outage(&sqlx::Error::RowNotFound));
        let missing =
            object_store::Error::NotFound { path: "video".to_owned(), source: "404".into() };
        assert!(!is_outage(&missing));
        assert!(!is_outage(&io::Error::from(ErrorKind::PermissionDenied)));
        assert!(!is_outage(&CommandError::fault(sqlx::Error::ColumnNotFound("name".to_owned()))));
    }
}
