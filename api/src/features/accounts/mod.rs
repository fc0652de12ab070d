//! Accounts: registration, sessions, passwords, oneself, and people as an ADMIN sees them.

pub(crate) mod activity;
pub(crate) mod me;
pub(crate) mod passwords;
pub(crate) mod registration;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod users;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A sentence for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Detail {
    /// What was done, and what comes next.
    pub detail: &'static str,
}

/// An answer that is one sentence.
pub(crate) fn detail(status: StatusCode, detail: &'static str) -> Response {
    (status, Json(Detail { detail })).into_response()
}
