//! The bearer token of a request (RFC 6750). Whom it speaks for is found out once, where it is asked
//! for first, and kept with the request.

use std::sync::{Arc, OnceLock};

use commands::Commands;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use identity::Standing;

use crate::http::problem::Problem;

/// What a request sent as `Authorization`; nothing where there was no such header. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bearer(Option<Arc<Sent>>);

struct Sent {
    value: HeaderValue,
    found: OnceLock<Result<Standing, Problem>>,
}

impl Bearer {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = |value: &HeaderValue| Sent { value: value.clone(), found: OnceLock::new() };
        Self(headers.get(AUTHORIZATION).map(sent).map(Arc::new))
    }

    /// Whom it speaks for at this moment; `None` where nothing was sent.
    pub(crate) fn standing(&self, commands: &Commands) -> Result<Option<Standing>, Problem> {
        let Some(sent) = &self.0 else { return Ok(None) };
        match sent.found.get_or_init(|| read(&sent.value, commands)) {
            Ok(standing) if commands.stands(standing) => Ok(Some(*standing)),
            // It has expired or been revoked in the meantime, such as while the body came.
            Ok(_) => read(&sent.value, commands).map(Some),
            Err(problem) => Err(problem.clone()),
        }
    }
}

/// Whom a request's token speaks for; `None` where there is none.
pub(crate) fn identify(
    extensions: &Extensions,
    commands: &Commands,
) -> Result<Option<Standing>, Problem> {
    extensions.get::<Bearer>().map_or(Ok(None), |bearer| bearer.standing(commands))
}

fn read(value: &HeaderValue, commands: &Commands) -> Result<Standing, Problem> {
    let bearer = value.to_str().ok().and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer.ok_or_else(|| {
        Problem::unauthorized("invalid_token", "Send the access token as Authorization: Bearer.")
    })?;
    Ok(commands.authenticate(token.trim())?)
}
