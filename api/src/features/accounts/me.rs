//! `/me/`: one's own account.

use axum::extract::State;
use axum::response::Response;
use commands::Row;
use domain::user::ChangeEmail;
use domain::{StreamType, UserId};
use projections::{ReadError, User};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, Needs, OwnAccount, Recent, SecureAccount, check_recent};
use crate::features::media_links::{self, Links};
use crate::features::resource::{Resource, Versioned, expected, expected_of, get, show};
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::edit::Edit;
use crate::http::input::{Object, no_content};
use crate::http::problem::Problem;

/// Your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    #[serde(flatten)]
    user: User,
    /// A signed link to the live events of `GET /live/`, for an `EventSource`: it needs no
    /// `Authorization` header, works for 10 to 15 minutes, and stops when your session ends.
    #[schema(format = "uri-reference")]
    live_url: String,
}

impl Me {
    pub(super) const fn new(user: User, live_url: String) -> Self {
        Self { user, live_url }
    }

    fn of(app: &App, caller: &Caller, user: User) -> Self {
        Self::new(user, Links::of(app, caller).own_events())
    }
}

impl Resource for Me {
    const KIND: StreamType = StreamType::User;

    type Id = UserId;

    async fn find(app: &App, caller: &Caller, id: UserId) -> Result<Option<Self>, ReadError> {
        let user = <User as Resource>::find(app, caller, id).await?;
        Ok(user.map(|user| Self::of(app, caller, user)))
    }

    fn of_row(app: &App, caller: &Caller, row: &Row) -> Option<Self> {
        <User as Resource>::of_row(app, caller, row).map(|user| Self::of(app, caller, user))
    }

    fn version(&self) -> i64 {
        self.user.version
    }

    fn location(&self) -> String {
        "/me/".to_owned()
    }

    /// Its link is made for the caller's session.
    fn stands_alone(&self) -> bool {
        false
    }
}

const WRITABLE: [&str; 1] = ["email"];

/// Gets your account
#[utoipa::path(get, path = "/me/", tag = "accounts", operation_id = "getMe",
    responses((status = 200, body = Me), (status = 304), Needs<SecureAccount>))]
pub(crate) async fn find(
    Allowed(caller): Allowed<SecureAccount>,
    State(app): State<App>,
    had: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(show::<Me>(&app, &caller, caller.user).await?.or_not_modified(&had))
}

/// Deletes your account and erases your personal data
///
/// Your products are withdrawn and your open orders cancelled. Decisions stay in the log, without
/// what they said about you.
#[utoipa::path(delete, path = "/me/", tag = "accounts", operation_id = "eraseMe",
    responses((status = 204), Needs<OwnAccount>),
    extensions(("x-problems" = json!(["reauthentication_required", "last_admin"]))))]
pub(crate) async fn erase(
    Recent(caller): Recent<OwnAccount>,
    State(app): State<App>,
    version: IfMatch,
) -> Result<Response, Problem> {
    let context = caller.context_at(expected::<Me>(&app, &caller, caller.user, &version).await?);
    app.commands.erase_person(&context, caller.user, &app.media).await?;
    Ok(no_content())
}

/// Changes your e-mail address
///
/// The new address counts once the link in the mail to it has been opened. The former address gets a
/// mail with a link that undoes the change for 7 days.
#[utoipa::path(patch, path = "/me/", tag = "accounts", operation_id = "editMe",
    request_body = ChangeEmail, responses((status = 200, body = Me), Needs<OwnAccount>),
    extensions(("x-problems" = json!(["reauthentication_required", "too_many_attempts"]))))]
pub(crate) async fn edit(
    Allowed(caller): Allowed<OwnAccount>,
    State(app): State<App>,
    version: IfMatch,
    body: Object,
) -> Result<Versioned<Me>, Problem> {
    let current: Me = get(&app, &caller, caller.user).await?;
    let context = caller.context_at(expected_of(&current, &version)?);
    let mut edit = Edit::new(body, &current);
    media_links::renew(&mut edit);
    edit.keep_writable(&WRITABLE);
    let ChangeEmail { email } = edit.read()?;
    let other = email.0.filter(|email| Some(email.as_str()) != current.user.email.as_deref());
    if let Some(email) = other {
        check_recent(&caller, &app).await?;
        app.commands.change_email(&context, caller.user, &email).await?;
    }
    show(&app, &caller, caller.user).await
}
