//! Texts of operations: who may call them, and what can go wrong.

use serde_json::Value;
use utoipa::openapi::path::Operation;

use crate::access::permission::ROLES_EXTENSION;
use crate::http::problem::catalogued;

/// Completes summary and description.
pub(super) fn complete(operation: &mut Operation, own: &[String]) {
    if let Some(summary) = &mut operation.summary {
        *summary = one_line(summary);
    }
    let told = operation.description.take().filter(|told| !told.is_empty());
    let told = told.into_iter().chain([who(operation), what(own)]);
    operation.description = Some(told.collect::<Vec<_>>().join("\n\n"));
}

/// A summary is a title: one line without a full stop.
fn one_line(text: &str) -> String {
    text.replace('\n', " ").trim_end_matches('.').to_owned()
}

fn who(operation: &Operation) -> String {
    let roles =
        operation.extensions.as_ref().and_then(|extensions| extensions.get(ROLES_EXTENSION));
    let names: Vec<_> =
        roles.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let who = match names.as_slice() {
        [] => "Everybody, without an access token.".to_owned(),
        names if names.len() == domain::Role::ALL.len() => "Everybody who is signed in.".to_owned(),
        [one] => format!("{one}."),
        [first @ .., last] => format!("{} and {last}.", first.join(", ")),
    };
    format!("**Who may call it**: {who}")
}

fn what(own: &[String]) -> String {
    let own = own.iter().filter_map(|code| catalogued(code));
    let own: Vec<_> =
        own.map(|(code, status, meaning)| format!("- {status} `{code}`: {meaning}")).collect();
    if own.is_empty() {
        return "**What can go wrong**: nothing beyond the errors that many operations share."
            .to_owned();
    }
    format!(
        "**What can go wrong**, beside the errors that many operations share:\n\n{}",
        own.join("\n")
    )
}
