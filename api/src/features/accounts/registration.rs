//! `/register/` and `/activate/`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use commands::CommandError;
use domain::user::{ActivationResend, Register, UndoEmailChange};
use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};

use super::{Detail, detail};
use crate::App;
use crate::access::permission::Visitor;
use crate::features::pages;
use crate::http::input::{Input, WithPassword, no_content};
use crate::http::problem::Problem;

/// The answer to a registration, whether or not the address is registered already.
pub(crate) fn registered() -> Response {
    detail(
        StatusCode::CREATED,
        "Open the link in the mail that is on its way to activate the account.",
    )
}

pub(crate) fn resent() -> Response {
    detail(
        StatusCode::ACCEPTED,
        "If an account of this address waits for its activation, a mail is on its way.",
    )
}

/// Registers an account
///
/// The account is an END_USER, and can be used once the link in the mail has been opened. The answer
/// is the same where the address is registered already: its owner gets a mail that says so.
#[utoipa::path(post, path = "/register/", tag = "accounts", operation_id = "register",
    request_body = Register, responses((status = 201, body = Detail)),
    extensions(("x-problems" = json!(["role_not_self_assignable"]))))]
pub(crate) async fn register(
    Visitor(caller): Visitor,
    State(app): State<App>,
    WithPassword(body): WithPassword<Register>,
) -> Result<Response, Problem> {
    app.commands.register(&caller.context(), body).await?;
    Ok(registered())
}

/// Activates an account or confirms a new e-mail address, by the link from the mail
///
/// A second click answers 200 again. A browser (`Accept: text/html`) is redirected to a page that
/// says the same.
#[utoipa::path(get, path = "/activate/{uid}/{token}/", tag = "accounts", operation_id = "activate",
    params(("uid" = String, Path, description = "The user's id in base64url", example = "AZqkV2JgcAGAAAAAAAAAAQ"),
           ("token" = String, Path, description = "The token from the mail", example = "bWFpbGVk")),
    responses((status = 200, body = Detail), (status = 303, description = "Redirects a browser to the page in Location")),
    extensions(("x-problems" = json!(["invalid_activation_link", "email_taken"]))))]
pub(crate) async fn activate(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Path((uid, token)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if method == Method::HEAD {
        // Scanners of mails ask so: a safe method confirms nothing.
        return Ok(StatusCode::OK.into_response());
    }
    let activated = app.commands.activate(&caller.context(), &uid, &token).await;
    if prefers_html(&headers) {
        let page = match activated {
            Ok(()) => pages::ACTIVATED,
            Err(CommandError::Refused(_)) => pages::ACTIVATION_FAILED,
            Err(error) => return Err(error.into()),
        };
        return Ok(Redirect::to(page).into_response());
    }
    activated?;
    Ok(detail(StatusCode::OK, "The address is confirmed: sign in."))
}

/// Sends the activation mail again
///
/// The answer is the same where no account waits for its activation.
#[utoipa::path(post, path = "/activate/resend/", tag = "accounts", operation_id = "resendActivation",
    request_body = ActivationResend, responses((status = 202, body = Detail)))]
pub(crate) async fn resend(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Input(body): Input<ActivationResend>,
) -> Result<Response, Problem> {
    app.commands.resend_activation(&caller.context(), &body.email).await?;
    Ok(resent())
}

/// Restores the former e-mail address, by the link from the mail to it
///
/// Every session ends. The present password and a second factor that came after the change stop
/// working: request a password reset afterwards. The link works once, for 7 days.
#[utoipa::path(post, path = "/email/undo/", tag = "accounts", operation_id = "undoEmailChange",
    request_body = UndoEmailChange, responses((status = 204)),
    extensions(("x-problems" = json!(["invalid_undo_link"]))))]
pub(crate) async fn undo_email_change(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Input(body): Input<UndoEmailChange>,
) -> Result<Response, Problem> {
    app.commands.undo_email_change(&caller.context(), body).await?;
    Ok(no_content())
}

/// Whether HTML is asked for by name, as browsers do.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}
