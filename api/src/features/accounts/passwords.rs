//! `/password/`: changing a password, and setting one by a link from a mail.

use axum::extract::State;
use axum::response::Response;
use domain::user::{ChangePassword, ConfirmPasswordReset, RequestPasswordReset};
use http::StatusCode;

use super::{Detail, detail};
use crate::App;
use crate::access::permission::{Allowed, Needs, SecureAccount, Visitor};
use crate::http::input::{Input, WithPassword, no_content};
use crate::http::problem::Problem;

pub(crate) fn reset_requested() -> Response {
    detail(
        StatusCode::ACCEPTED,
        "If this address belongs to an account, a mail with a link is on its way.",
    )
}

/// Changes your password
///
/// All other sessions end. Of several changes made with the same present password, one counts.
#[utoipa::path(post, path = "/password/change/", tag = "accounts", operation_id = "changePassword",
    request_body = ChangePassword, responses((status = 204), Needs<SecureAccount>))]
pub(crate) async fn change(
    Allowed(caller): Allowed<SecureAccount>,
    State(app): State<App>,
    WithPassword(body): WithPassword<ChangePassword>,
) -> Result<Response, Problem> {
    app.commands.change_password(&caller.context(), caller.user, body).await?;
    Ok(no_content())
}

/// Requests a mail with a link that sets a new password
///
/// The answer is the same where the address belongs to no account.
#[utoipa::path(post, path = "/password/reset/", tag = "accounts", operation_id = "requestPasswordReset",
    request_body = RequestPasswordReset, responses((status = 202, body = Detail)))]
pub(crate) async fn request_reset(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Input(body): Input<RequestPasswordReset>,
) -> Result<Response, Problem> {
    app.commands.request_password_reset(&caller.context(), &body.email).await?;
    Ok(reset_requested())
}

/// Sets a new password, by the link from the mail
///
/// Every session ends.
#[utoipa::path(post, path = "/password/reset/confirm/", tag = "accounts", operation_id = "confirmPasswordReset",
    request_body = ConfirmPasswordReset, responses((status = 204)),
    extensions(("x-problems" = json!(["invalid_reset_link"]))))]
pub(crate) async fn confirm_reset(
    Visitor(caller): Visitor,
    State(app): State<App>,
    WithPassword(body): WithPassword<ConfirmPasswordReset>,
) -> Result<Response, Problem> {
    app.commands.confirm_password_reset(&caller.context(), body).await?;
    Ok(no_content())
}
