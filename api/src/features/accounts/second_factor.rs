//! `/me/second-factor/`: a code besides the password (TOTP, RFC 6238).
//!
//! Answers have secrets, so none is stored for an `Idempotency-Key`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::user::ConfirmSecondFactor;
use identity::RecoveryCodes;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::access::permission::{Allowed, Needs, OwnSecondFactor, Recent};
use crate::http::input::{Input, Nothing, no_content};
use crate::http::problem::Problem;

/// The state of a second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecondFactor {
    /// Whether a second factor is enabled.
    enabled: bool,
    /// The number of recovery codes that were not used.
    recovery_codes_left: i64,
}

/// The secret of a new second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct Enrolment {
    /// The secret in base32, to be typed in.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// The secret as an `otpauth:` URL, for a QR code.
    #[schema(format = "uri")]
    otpauth_url: String,
}

/// Codes that replace a lost authenticator.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recovery {
    /// 10 codes that work once each. They are shown this once.
    recovery_codes: Vec<String>,
}

impl From<RecoveryCodes> for Recovery {
    fn from(codes: RecoveryCodes) -> Self {
        let shown = codes.0.iter().map(|code| code.expose_secret().to_owned());
        Self { recovery_codes: shown.collect() }
    }
}

/// Gets the state of your second factor
#[utoipa::path(get, path = "/me/second-factor/", tag = "accounts", operation_id = "getSecondFactor",
    responses((status = 200, body = SecondFactor), Needs<OwnSecondFactor>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<OwnSecondFactor>,
    State(app): State<App>,
) -> Result<Json<SecondFactor>, Problem> {
    let commands::SecondFactor { enabled, recovery_codes_left } =
        app.commands.second_factor(caller.user).await?;
    Ok(Json(SecondFactor { enabled, recovery_codes_left }))
}

/// Starts to set up a second factor
///
/// It is enabled once a code of it has been sent to `POST /me/second-factor/confirm/`. Asking again
/// replaces a secret that was not confirmed.
#[utoipa::path(post, path = "/me/second-factor/", tag = "accounts", operation_id = "beginSecondFactor",
    request_body(content = Option<Nothing>), responses((status = 200, body = Enrolment), Needs<OwnSecondFactor>),
    extensions(("x-problems" = json!(["reauthentication_required", "second_factor_enabled"]))))]
pub(crate) async fn begin(
    Recent(caller): Recent<OwnSecondFactor>,
    State(app): State<App>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Json<Enrolment>, Problem> {
    let enrolment = app.commands.begin_second_factor(caller.user).await?;
    Ok(Json(Enrolment {
        secret: enrolment.secret.expose_secret().to_owned(),
        otpauth_url: enrolment.otpauth_url.expose_secret().to_owned(),
    }))
}

/// Enables a second factor by a code of it
///
/// Answers recovery codes, which are shown this once. All other sessions end.
#[utoipa::path(post, path = "/me/second-factor/confirm/", tag = "accounts", operation_id = "confirmSecondFactor",
    request_body = ConfirmSecondFactor, responses((status = 200, body = Recovery), Needs<OwnSecondFactor>),
    extensions(("x-problems" = json!(["second_factor_enabled"]))))]
pub(crate) async fn confirm(
    Allowed(caller): Allowed<OwnSecondFactor>,
    State(app): State<App>,
    Input(ConfirmSecondFactor { code }): Input<ConfirmSecondFactor>,
) -> Result<Json<Recovery>, Problem> {
    let codes = app.commands.confirm_second_factor(&caller.context(), caller.user, &code).await?;
    Ok(Json(codes.into()))
}

/// Disables your second factor
///
/// The password is enough to sign in again. All other sessions end.
#[utoipa::path(delete, path = "/me/second-factor/", tag = "accounts", operation_id = "disableSecondFactor",
    responses((status = 204), Needs<OwnSecondFactor>),
    extensions(("x-problems" = json!(["reauthentication_required"]))))]
pub(crate) async fn disable(
    Recent(caller): Recent<OwnSecondFactor>,
    State(app): State<App>,
) -> Result<Response, Problem> {
    app.commands.disable_second_factor(&caller.context(), caller.user).await?;
    Ok(no_content())
}

/// Replaces your recovery codes
///
/// The new codes are shown this once; the old ones stop working.
#[utoipa::path(post, path = "/me/second-factor/recovery-codes/", tag = "accounts", operation_id = "replaceRecoveryCodes",
    request_body(content = Option<Nothing>), responses((status = 200, body = Recovery), Needs<OwnSecondFactor>),
    extensions(("x-problems" = json!(["reauthentication_required", "second_factor_not_enabled"]))))]
pub(crate) async fn replace_codes(
    Recent(caller): Recent<OwnSecondFactor>,
    State(app): State<App>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Json<Recovery>, Problem> {
    let codes = app.commands.replace_recovery_codes(&caller.context(), caller.user).await?;
    Ok(Json(codes.into()))
}
