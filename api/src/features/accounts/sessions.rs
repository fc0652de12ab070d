//! `/login/`, `/token/refresh/` and `/logout/`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use deserr::Deserr;
use domain::SessionId;
use domain::user::Reauthenticate;
use http::StatusCode;
use identity::Tokens;
use projections::{User, Users, Visibility, timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::App;
use crate::access::caller::CameFrom;
use crate::access::permission::{Allowed, Needs, OwnAccount, Recent, SecureAccount, Visitor};
use crate::http::input::{Input, no_content};
use crate::http::path::Id;
use crate::http::problem::Problem;

/// Body of `POST /login/`.
#[derive(Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub(crate) struct Login {
    /// The registered address, in any case.
    #[schema(format = "email")]
    email: String,
    /// The password.
    #[schema(format = "password")]
    password: String,
}

/// Body of `POST /login/second-factor/`.
#[derive(Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub(crate) struct CompleteLogin {
    /// The `challenge` of `POST /login/`, which works for 5 minutes.
    challenge: String,
    /// A code of the second factor, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// An open session.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// The session's id.
    id: SessionId,
    /// Whether this request belongs to it.
    current: bool,
    /// When its person signed in.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(value_type = String, format = "date-time")]
    created_at: OffsetDateTime,
    /// When its tokens were last refreshed.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(value_type = String, format = "date-time")]
    last_used_at: OffsetDateTime,
    /// When it expires.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(value_type = String, format = "date-time")]
    expires_at: OffsetDateTime,
}

/// Body of `POST /token/refresh/` and `POST /logout/`.
#[derive(Deserr, ToSchema)]
#[deserr(deny_unknown_fields)]
pub(crate) struct RefreshToken {
    /// The newest refresh token of the session.
    refresh: String,
}

/// A session's tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// The access token (a JWT), to be sent as `Authorization: Bearer …`.
    access: String,
    /// The refresh token, which works once.
    refresh: String,
    /// `Bearer` (RFC 6750).
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The seconds until `access` expires.
    expires_in: u64,
    /// The account that is signed in.
    user: User,
}

/// Signs in
///
/// Send `access` as `Authorization: Bearer …`, and trade `refresh` for new tokens before it expires
/// after `expires_in` seconds. An account with a second factor is answered 401
/// `second_factor_required`, with a `challenge` for `POST /login/second-factor/`.
#[utoipa::path(post, path = "/login/", tag = "accounts", operation_id = "login",
    request_body = Login, responses((status = 200, body = SignedIn)),
    extensions(("x-problems" = json!(["invalid_credentials", "second_factor_required",
        "account_not_activated", "account_deactivated", "too_many_attempts"]))))]
pub(crate) async fn login(
    CameFrom(origin): CameFrom,
    State(app): State<App>,
    Input(Login { email, password }): Input<Login>,
) -> Result<Json<SignedIn>, Problem> {
    signed_in(&app, app.commands.login(&email, &password, &origin).await?).await
}

/// Signs in with a second factor
///
/// Takes the `challenge` of `POST /login/`, and as `code` the 6 digits that the authenticator shows,
/// or a recovery code. Each code works once.
#[utoipa::path(post, path = "/login/second-factor/", tag = "accounts", operation_id = "completeLogin",
    request_body = CompleteLogin, responses((status = 200, body = SignedIn)),
    extensions(("x-problems" = json!(["invalid_challenge", "invalid_second_factor",
        "account_deactivated", "too_many_attempts"]))))]
pub(crate) async fn complete(
    CameFrom(origin): CameFrom,
    State(app): State<App>,
    Input(CompleteLogin { challenge, code }): Input<CompleteLogin>,
) -> Result<Json<SignedIn>, Problem> {
    signed_in(&app, app.commands.complete_login(&challenge, &code, &origin).await?).await
}

/// Trades a refresh token for new tokens
///
/// A refresh token works once: one that comes again ends its session. A client whose answer was lost
/// may ask again within 10 seconds, unless it has used the new refresh token already, and gets the
/// same answer.
#[utoipa::path(post, path = "/token/refresh/", tag = "accounts", operation_id = "refreshToken",
    request_body = RefreshToken, responses((status = 200, body = SignedIn)),
    extensions(("x-problems" = json!(["invalid_token", "token_reused", "account_deactivated"]))))]
pub(crate) async fn refresh(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Input(RefreshToken { refresh }): Input<RefreshToken>,
) -> Result<Json<SignedIn>, Problem> {
    signed_in(&app, app.commands.refresh(&caller.context(), &refresh).await?).await
}

/// Signs out
///
/// Ends the session of the refresh token; its access tokens stop working at once.
#[utoipa::path(post, path = "/logout/", tag = "accounts", operation_id = "logout",
    request_body = RefreshToken, responses((status = 205, description = "Signed out"), Needs<SecureAccount>))]
pub(crate) async fn logout(
    Allowed(caller): Allowed<SecureAccount>,
    State(app): State<App>,
    Input(RefreshToken { refresh }): Input<RefreshToken>,
) -> Result<Response, Problem> {
    app.commands.logout(&caller.context(), &refresh).await?;
    Ok(StatusCode::RESET_CONTENT.into_response())
}

/// Lists your open sessions, newest first
#[utoipa::path(get, path = "/me/sessions/", tag = "accounts", operation_id = "listSessions",
    responses((status = 200, body = Vec<Session>), Needs<OwnAccount>))]
pub(crate) async fn list(
    Allowed(caller): Allowed<OwnAccount>,
    State(app): State<App>,
) -> Result<Json<Vec<Session>>, Problem> {
    let open = app.commands.sessions(caller.user).await?.into_iter();
    let shown = open.map(|session| Session {
        id: session.id,
        current: Some(session.id) == caller.session,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
    });
    Ok(Json(shown.collect()))
}

/// Ends one of your sessions
///
/// Its access tokens stop working at once.
#[utoipa::path(delete, path = "/me/sessions/{id}/", tag = "accounts", operation_id = "endSession",
    params(("id" = SessionId, Path)), responses((status = 204), Needs<OwnAccount>),
    extensions(("x-problems" = json!(["reauthentication_required"]))))]
pub(crate) async fn end(
    Recent(caller): Recent<OwnAccount>,
    State(app): State<App>,
    Id(id): Id<SessionId>,
) -> Result<Response, Problem> {
    if app.commands.end_own_session(&caller.context(), caller.user, id).await? {
        Ok(no_content())
    } else {
        Err(Problem::not_found())
    }
}

/// Ends all of your sessions, this one included
#[utoipa::path(delete, path = "/me/sessions/", tag = "accounts", operation_id = "endAllSessions",
    responses((status = 204), Needs<OwnAccount>),
    extensions(("x-problems" = json!(["reauthentication_required"]))))]
pub(crate) async fn end_all(
    Recent(caller): Recent<OwnAccount>,
    State(app): State<App>,
) -> Result<Response, Problem> {
    app.commands.end_all_sessions(&caller.context(), caller.user).await?;
    Ok(no_content())
}

/// Confirms your identity for the next 5 minutes
///
/// For operations that answer 403 `reauthentication_required` otherwise. Takes `password`, or `code`
/// where a second factor is enabled; not both.
#[utoipa::path(post, path = "/me/reauthenticate/", tag = "accounts", operation_id = "reauthenticate",
    request_body = Reauthenticate, responses((status = 204), Needs<SecureAccount>),
    extensions(("x-problems" = json!(["invalid_credentials", "invalid_second_factor", "too_many_attempts"]))))]
pub(crate) async fn reauthenticate(
    Allowed(caller): Allowed<SecureAccount>,
    CameFrom(origin): CameFrom,
    State(app): State<App>,
    Input(proof): Input<Reauthenticate>,
) -> Result<Response, Problem> {
    let session = caller.session.ok_or_else(Problem::not_signed_in)?;
    app.commands.reauthenticate(caller.user, session, &proof, &origin).await?;
    Ok(no_content())
}

async fn signed_in(app: &App, tokens: Tokens) -> Result<Json<SignedIn>, Problem> {
    let own = Visibility::Own(tokens.user);
    let user =
        Users(app.pool.clone()).find(own, tokens.user).await?.ok_or_else(Problem::internal)?;
    Ok(Json(SignedIn {
        access: tokens.access.expose_secret().to_owned(),
        refresh: tokens.refresh.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: tokens.expires_in,
        user: user.into(),
    }))
}
