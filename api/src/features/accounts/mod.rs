//! Accounts: registration, sessions, passwords, oneself, and people as an ADMIN sees them.

pub(crate) mod activity;
pub(crate) mod examples;
pub(crate) mod me;
pub(crate) mod passwords;
pub(crate) mod registration;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod users;

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::user::UserError;
use domain::{Refusal, Refuse};
use http::StatusCode;
use projections::User;
use serde::Serialize;
use utoipa::ToSchema;

use crate::features::feature::{Feature, SampleId};
use crate::features::resource::Shown;

/// What there is beside the routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: ("accounts", "Registration, sessions, passwords, accounts"),
    ids: &[
        SampleId { kind: "SessionId", noun: "session", id: examples::SESSION },
        SampleId { kind: "UserId", noun: "account", id: examples::SELLER },
    ],
    examples: examples::examples,
    refusals,
    shown: Some(Shown::of::<User>()),
};

fn refusals() -> Vec<Refusal> {
    let errors = [
        UserError::OwnAccount,
        UserError::SecondFactorEnabled,
        UserError::NoSecondFactor,
        UserError::StaleUndo,
        UserError::StaleReset,
    ];
    errors.iter().map(Refuse::refusal).collect()
}

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
