//! `/login/`, `/token/refresh/` and `/logout/`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::Tokens;
use deserr::Deserr;
use http::StatusCode;
use projections::{User, Users, Visibility};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::ClientAddress;
use crate::input::Input;
use crate::openapi::Needs;
use crate::permission::{Allowed, OwnAccount, Visitor};
use crate::problem::{Problem, ProblemBody};

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
    /// JWT, to be sent as `Authorization: Bearer`.
    access: String,
    /// Good for one refresh.
    refresh: String,
    /// `Bearer` (RFC 6750).
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that `access` lives.
    expires_in: u64,
    /// Who is signed in.
    user: User,
}

/// Opens a session.
#[utoipa::path(post, path = "/login/", tag = "accounts", operation_id = "login",
    request_body = Login, responses((status = 200, body = SignedIn),
        (status = 401, description = "The address or the password is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The account is not activated, or was shut", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn login(
    ClientAddress(client): ClientAddress,
    State(app): State<App>,
    Input(Login { email, password }): Input<Login>,
) -> Result<Json<SignedIn>, Problem> {
    signed_in(&app, app.commands.login(&email, &password, client).await?).await
}

/// Trades a refresh token for new tokens; one that comes twice ends its session.
#[utoipa::path(post, path = "/token/refresh/", tag = "accounts", operation_id = "refreshToken",
    request_body = RefreshToken, responses((status = 200, body = SignedIn),
        (status = 401, description = "The token is not ours, is over, or was used before", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The account was shut", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn refresh(
    Visitor(caller): Visitor,
    State(app): State<App>,
    Input(RefreshToken { refresh }): Input<RefreshToken>,
) -> Result<Json<SignedIn>, Problem> {
    signed_in(&app, app.commands.refresh(&caller.context(), &refresh).await?).await
}

/// Ends the session, its access tokens included.
#[utoipa::path(post, path = "/logout/", tag = "accounts", operation_id = "logout",
    request_body = RefreshToken, responses((status = 205, description = "It is over"), Needs<OwnAccount>))]
pub(crate) async fn logout(
    Allowed(caller): Allowed<OwnAccount>,
    State(app): State<App>,
    Input(RefreshToken { refresh }): Input<RefreshToken>,
) -> Result<Response, Problem> {
    app.commands.logout(&caller.context(), &refresh).await?;
    Ok(StatusCode::RESET_CONTENT.into_response())
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
