//! Values that PostgreSQL will not hold or compare: a fault of what was sent, not of the program.

use domain::{FieldErrors, Refusal};

/// Data exceptions, and exceeded limits of the program (SQLSTATE, appendix A of PostgreSQL's
/// manual). Types keep such values out; this is for what they miss.
const CLASSES: [&str; 2] = ["22", "54"];

/// Whether the database refused a value.
pub fn is_data_error(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)))
}

/// What the client is told; the log says more.
pub fn refused_value(error: &dyn sqlx::error::DatabaseError) -> Refusal {
    tracing::warn!("the database refused a value that no type did: {error}");
    let message = "A value in it is out of range, or of a form that cannot be stored or compared.";
    FieldErrors::one("request", message).into()
}
