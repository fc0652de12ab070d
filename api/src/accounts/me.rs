//! `/me/`: one's own account.

use axum::extract::State;
use axum::response::Response;
use domain::user::ChangeEmail;
use projections::User;

use super::erasure;
use crate::App;
use crate::conditional::{IfMatch, IfNoneMatch, Versioned};
use crate::edit::Edit;
use crate::input::{Object, no_content};
use crate::openapi::Needs;
use crate::permission::{Allowed, OwnAccount, Recent, SecureAccount, check_recent};
use crate::problem::Problem;
use crate::resource::{expected, expected_of, get, show};

const WRITABLE: [&str; 1] = ["email"];

/// One's own account.
#[utoipa::path(get, path = "/me/", tag = "accounts", operation_id = "getMe",
    responses((status = 200, body = User), (status = 304), Needs<SecureAccount>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<SecureAccount>,
    State(app): State<App>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<User>(&app, &caller, caller.user).await?.unless(&had))
}

/// Deletes your account and erases your personal data.
///
/// Your products are withdrawn and your open orders cancelled. Decisions stay in the log, without
/// what they said about you. Needs a proof of who you are within the last 5 minutes; the last
/// active ADMIN is refused (409 `last_admin`).
#[utoipa::path(delete, path = "/me/", tag = "accounts", operation_id = "eraseMe",
    responses((status = 204), Needs<OwnAccount>))]
pub(crate) async fn erase(
    Recent(caller): Recent<OwnAccount>,
    State(app): State<App>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<User>(&app, &caller, caller.user, &version).await?);
    app.commands.check_erasable(caller.user).await?;
    erasure::withdraw_all(&app, &caller).await?;
    app.commands.erase_person(&context, caller.user).await?;
    // What requests that were under way have added since.
    erasure::withdraw_all(&app, &caller).await?;
    Ok(no_content())
}

/// Changes your e-mail address once the link in the mail to the new one has been opened.
///
/// Needs a proof of who you are within the last 5 minutes. The former address gets a mail with a
/// link that undoes the change for 7 days.
#[utoipa::path(patch, path = "/me/", tag = "accounts", operation_id = "editMe",
    request_body = ChangeEmail, responses((status = 200, body = User), Needs<OwnAccount>))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<OwnAccount>,
    State(app): State<App>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<User>, Problem> {
    let current: User = get(&app, &caller, caller.user).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = Edit::new(body, &current);
    edit.keep_writable(&WRITABLE);
    let ChangeEmail { email } = edit.read()?;
    let other = email.0.filter(|email| Some(email.as_str()) != current.email.as_deref());
    if let Some(email) = other {
        check_recent(&caller, &app).await?;
        app.commands.change_email(&context, caller.user, &email).await?;
    }
    show(&app, &caller, caller.user).await
}
