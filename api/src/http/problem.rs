//! Errors as the outside sees them: RFC 9457, `application/problem+json`.

mod catalogue;
mod from;

use std::num::NonZeroU32;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::{FieldErrors, choice};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use identity::Limit;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use catalogue::{Code, catalogued, page};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// An error on its way to the client; [`render`] gives it its form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Box<str>,
    errors: FieldErrors,
    challenge: Option<Box<str>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The names of problems, for the OpenAPI document.
pub(crate) struct ProblemCode;

impl PartialSchema for ProblemCode {
    fn schema() -> RefOr<Schema> {
        choice("A stable name of a problem; /docs/problems explains each.", catalogue::names())
    }
}

impl ToSchema for ProblemCode {}

/// The body of every error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The page that explains the code, relative to the API.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    kind: String,
    /// The code in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence that says what is wrong and what to do.
    detail: &'a str,
    /// The path of the request.
    #[schema(format = "uri-reference")]
    instance: &'a str,
    /// A stable name of the problem, for programs.
    #[schema(value_type = ProblemCode)]
    code: &'a str,
    /// What is wrong, by field; only for invalid input. At most 50 fields and 16 KiB: what is left
    /// out is counted under `*`, such as `and 950 more`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = std::collections::BTreeMap<String, Vec<String>>)]
    errors: Option<&'a FieldErrors>,
    /// What `POST /login/second-factor/` takes; only with `second_factor_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    challenge: Option<&'a str>,
}

impl Problem {
    /// Any problem.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Box<str>>) -> Self {
        let (errors, headers) = (FieldErrors::default(), vec![]);
        Self { status, code, detail: detail.into(), errors, challenge: None, headers }
    }

    /// 400: fields that can't be taken.
    pub(crate) fn invalid(errors: FieldErrors) -> Self {
        Self::bad("invalid_input", "Some fields are invalid: see errors.").with_errors(errors)
    }

    /// 400 for another reason.
    pub(crate) fn bad(code: &'static str, detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: nobody is signed in.
    pub(crate) fn not_signed_in() -> Self {
        Self::unauthorized(
            "not_authenticated",
            "Sign in first: send the access token as Authorization: Bearer.",
        )
    }

    /// 401 for another reason.
    pub(crate) fn unauthorized(code: &'static str, detail: impl Into<Box<str>>) -> Self {
        let challenge = match code {
            "invalid_token" => r#"Bearer error="invalid_token""#,
            _ => "Bearer",
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 401: the password is right, and a code is needed besides.
    pub(crate) fn second_factor_required(challenge: &str) -> Self {
        let detail = "Send the code of your second factor: POST /login/second-factor/.";
        let challenge = Some(challenge.into());
        Self { challenge, ..Self::unauthorized("second_factor_required", detail) }
    }

    /// 403: the role does not do this.
    pub(crate) fn permission_denied() -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_denied", "Your role does not allow this.")
    }

    /// 403: something else has to be done first.
    pub(crate) fn limited_to(limit: Limit) -> Self {
        let (code, detail) = match limit {
            Limit::PasswordChange => {
                ("password_change_required", "Change your password first: POST /password/change/.")
            }
            Limit::SecondFactor => (
                "second_factor_enrolment_required",
                "Your role needs a second factor: set one up first with POST /me/second-factor/.",
            ),
        };
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 403: the caller has to prove once more who they are.
    pub(crate) fn reauthentication_required() -> Self {
        let detail =
            "Prove your identity with POST /me/reauthenticate/, then repeat this within 5 minutes.";
        Self::new(StatusCode::FORBIDDEN, "reauthentication_required", detail)
    }

    /// 404: there is none, or the caller has no access.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found, or you have no access.")
    }

    /// 412: others changed it.
    pub(crate) fn version_mismatch(current: i64) -> Self {
        let detail = format!(
            "The resource has changed and is now at version {current}: get it again, then repeat what still applies."
        );
        Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", detail)
    }

    /// 413: more than the route takes.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// 415: a body of a kind that the route does not read.
    pub(crate) fn unsupported_media_type(expected: &str) -> Self {
        let detail = format!("Send the body as {expected}.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// 503: overloaded.
    pub(crate) fn overloaded() -> Self {
        Self::overloaded_by("The server is overloaded: try again in a moment.")
    }

    /// 503: overloaded, with a detail that names what there is too much of.
    pub(crate) fn overloaded_by(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 503: a part that is needed is down, which passes by itself.
    pub(crate) fn unavailable(why: &str) -> Self {
        tracing::warn!("a part that is needed is down: {why}");
        let detail = "A part that the server needs is down: try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 500: the program failed; what happened is in the log only.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "The server failed: try again, and report the X-Request-Id if it fails again.",
        )
    }

    /// Logs an error that is nobody's business outside: 503 where it passes by itself, 500 else.
    pub(crate) fn fault(error: &(dyn std::error::Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let causes = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if commands::is_outage(error) {
            return Self::unavailable(&causes);
        }
        tracing::error!("{causes}");
        Self::internal()
    }

    /// What an answer of a library's becomes, by its status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = catalogue::generic(status);
        Self::new(status, code, detail)
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds when to try again, and the budget that is used up
    /// (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn limited(self, budget: &str, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
            .with_text(RATE_LIMIT, format!(r#""{budget}";r=0;t={seconds}"#))
    }

    /// Adds how large a budget is, per minute.
    pub(crate) fn with_quota(self, budget: &str, quota: NonZeroU32) -> Self {
        self.with_text(RATE_LIMIT_POLICY, format!(r#""{budget}";q={quota};w=60"#))
    }

    fn with_text(self, name: HeaderName, text: String) -> Self {
        match HeaderValue::try_from(text) {
            Ok(value) => self.with_header(name, value),
            Err(_) => self,
        }
    }

    /// Sets what is wrong, by field.
    pub(crate) fn with_errors(mut self, errors: FieldErrors) -> Self {
        self.errors = errors;
        self
    }

    /// Adds what else is wrong, by field.
    pub(crate) fn with_more(mut self, errors: FieldErrors) -> Self {
        self.errors.merge(errors);
        self
    }

    /// Stable, for programs.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong by field.
    pub(crate) const fn errors(&self) -> &FieldErrors {
        &self.errors
    }

    /// Its form, for the path of the request.
    pub(crate) fn body(&self, instance: &str) -> Vec<u8> {
        let body = ProblemBody {
            kind: format!("/docs/problems#{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            errors: Some(&self.errors).filter(|errors| !errors.is_empty()),
            challenge: self.challenge.as_deref(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// `not_found` → `Not found`.
fn title(code: &str) -> String {
    let words = code.replace('_', " ").replace("json", "JSON");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every error its form: our own problems, and what libraries answer without one.
pub(crate) fn render(mut response: Response, instance: &str) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_error(status) && !is_problem(&response) => Problem::of_status(status),
        None => return response,
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(parts, problem.body(instance).into())
}

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn is_problem(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON)
}

#[cfg(test)]
mod tests;
