//! What the other crates' errors answer.

use commands::{CommandError, Reservation, is_data_error, refused_value};
use domain::{FieldErrors, Refusal, RefusalKind};
use http::StatusCode;
use secrecy::ExposeSecret;

use super::Problem;

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        match error {
            E::Refused(refusal) => refusal.into(),
            E::VersionMismatch { current } => Self::version_mismatch(current),
            E::Taken(reservation) => taken(reservation),
            E::Conflict => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                "Other requests kept changing the resource at the same time: try again.",
            ),
            E::Busy => Self::overloaded(),
            E::Unavailable(why) => Self::unavailable(&why),
            E::TooManyAttempts { retry_after } => throttled(retry_after.as_secs().max(1)),
            E::Unauthorized { code, detail } => Self::unauthorized(code, detail),
            E::SecondFactorRequired { challenge } => {
                Self::second_factor_required(challenge.expose_secret())
            }
            E::Forbidden { code, detail } => Self::new(StatusCode::FORBIDDEN, code, detail),
            E::Fault(error) => Self::fault(&*error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal { kind, code, detail }: Refusal) -> Self {
        match kind {
            RefusalKind::NotFound => Self::new(StatusCode::NOT_FOUND, code, detail),
            RefusalKind::Forbidden => Self::new(StatusCode::FORBIDDEN, code, detail),
            RefusalKind::Conflict => Self::new(StatusCode::CONFLICT, code, detail),
            RefusalKind::Invalid(errors) => Self::bad(code, detail).with_errors(errors),
        }
    }
}

impl From<FieldErrors> for Problem {
    fn from(errors: FieldErrors) -> Self {
        Self::invalid(errors)
    }
}

fn taken(reservation: Reservation) -> Problem {
    let (code, detail) = match reservation {
        Reservation::Email => ("email_taken", "This address belongs to another account by now."),
        Reservation::PolicyCode => (
            "policy_code_taken",
            "There is a policy of this code already, maybe a retired one: choose another.",
        ),
        Reservation::CategoryName => {
            ("category_name_taken", "There is a category of this name already: choose another.")
        }
    };
    Problem::new(StatusCode::CONFLICT, code, detail)
}

/// 429, with when the next try counts.
fn throttled(seconds: u64) -> Problem {
    let detail = format!("Too many failed attempts: try again in {seconds} seconds.");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail)
        .limited("attempts", seconds)
}

impl From<projections::ReadError> for Problem {
    fn from(error: projections::ReadError) -> Self {
        use projections::ReadError as E;
        match error {
            E::Cursor(error) => FieldErrors::one("cursor", error.to_string()).into(),
            error @ (E::Log(_) | E::Personal(_) | E::Database(_)) => {
                match pool::refusal(&error).filter(|refused| is_data_error(*refused)) {
                    Some(refused) => refused_value(refused).into(),
                    None => Self::fault(&error),
                }
            }
        }
    }
}
