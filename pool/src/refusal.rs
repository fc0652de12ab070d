//! What PostgreSQL refused, however deep in an error.

use std::borrow::Cow;
use std::error::Error;
use std::iter::successors;

use sqlx::error::DatabaseError;

/// What the server said, of an error or of one that led to it.
pub fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e dyn DatabaseError> {
    let mut causes = successors(Some(error), |&error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<sqlx::Error>()?.as_database_error())
}

/// Its SQLSTATE (appendix A of PostgreSQL's manual).
pub fn sqlstate<'e>(error: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    refusal(error)?.code()
}
