//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::http::problem::Problem;

/// The `{id}` of a path; what is no UUID names nothing, so it is 404.
pub(crate) struct Id<T>(pub T);

/// 8-4-4-4-12: other spellings would give one resource many addresses.
const WRITTEN: usize = 36;

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        let (_, text) =
            params.iter().find(|(name, _)| *name == "id").ok_or_else(Problem::not_found)?;
        let id = if text.len() == WRITTEN { text.parse().ok() } else { None };
        id.map(Self).ok_or_else(Problem::not_found)
    }
}
