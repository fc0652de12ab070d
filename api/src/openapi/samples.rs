//! Ids, paths and problems that examples are made of.

use domain::order::OrderError;
use domain::product::ProductError;
use domain::user::UserError;
use domain::{FieldErrors, Refuse};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::http::input::MAX_BODY;
use crate::http::problem::{Problem, catalogued};

/// An id of the examples (UUIDv7): each number is one thing.
const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0a1b_2c3d_7000_8000_0000_0000_0000 + number)
}

pub(super) const SELLER: Uuid = id(1);
pub(super) const MODERATOR: Uuid = id(2);
pub(super) const BUYER: Uuid = id(3);
pub(super) const CATEGORY: Uuid = id(4);
pub(super) const PRODUCT: Uuid = id(5);
pub(super) const UPLOAD: Uuid = id(6);
pub(super) const ORDER: Uuid = id(7);
pub(super) const SESSION: Uuid = id(8);

/// What an id of that type names, and the one of the examples.
pub(super) fn id_of(kind: &str) -> Option<(&'static str, Uuid)> {
    Some(match kind {
        "CategoryId" => ("category", CATEGORY),
        "OrderId" => ("order", ORDER),
        "ProductId" => ("product", PRODUCT),
        "SessionId" => ("session", SESSION),
        "UploadId" => ("upload", UPLOAD),
        "UserId" => ("account", SELLER),
        _ => return None,
    })
}

/// A problem as the program answers it.
pub(super) fn problem(code: &str, path: &str) -> Value {
    serde_json::from_slice(&of_code(code).body(path)).unwrap_or_default()
}

fn of_code(code: &str) -> Problem {
    match code {
        "not_authenticated" => Problem::not_signed_in(),
        "second_factor_required" => Problem::second_factor_required("eyJhbGciOiJIUzI1NiJ9"),
        "permission_denied" => Problem::permission_denied(),
        "reauthentication_required" => Problem::reauthentication_required(),
        "not_found" => Problem::not_found(),
        "version_mismatch" => Problem::version_mismatch(7),
        "body_too_large" => Problem::too_large(MAX_BODY),
        "unsupported_media_type" => Problem::unsupported_media_type("application/json"),
        "internal_error" => Problem::internal(),
        "invalid_input" => Problem::invalid(FieldErrors::one("name", "This field is required.")),
        code => refused(code).unwrap_or_else(|| catalogue(code)),
    }
}

/// What a rule of the domain answers with that code.
fn refused(code: &str) -> Option<Problem> {
    let of_products = [
        ProductError::OwnProduct,
        ProductError::AlreadyDecided,
        ProductError::NotReviewable,
        ProductError::VideoNotReady,
        ProductError::NotResubmittable,
    ];
    let of_orders = [OrderError::Closed, OrderError::MixedCurrencies];
    let of_users = [
        UserError::OwnAccount,
        UserError::SecondFactorEnabled,
        UserError::NoSecondFactor,
        UserError::StaleUndo,
        UserError::StaleReset,
    ];
    let refusals = of_products.iter().map(Refuse::refusal);
    let refusals = refusals.chain(of_orders.iter().map(Refuse::refusal));
    let mut refusals = refusals.chain(of_users.iter().map(Refuse::refusal));
    refusals.find(|refusal| refusal.code == code).map(Problem::from)
}

/// What the catalogue says of it.
fn catalogue(code: &str) -> Problem {
    let Some((code, status, meaning)) = catalogued(code) else { return Problem::internal() };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let generic = Problem::of_status(status);
    if generic.code() == code { generic } else { Problem::new(status, code, meaning) }
}
