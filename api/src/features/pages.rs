//! The few pages that people need before there is a web app: where links in mails lead.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::http::problem;

/// Where a browser is taken that opened an activation link.
pub(crate) const ACTIVATED: &str = "/app/activated/";
/// Where a browser is taken that opened an activation link that is wrong, used or expired.
pub(crate) const ACTIVATION_FAILED: &str = "/app/activation-failed/";

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const RESET_FORM: &str = r#"<p>Choose a new password, of at least 8 characters.</p>
<form data-path="/password/reset/confirm/" data-done="The password is set: sign in with it."><label>New password <input type="password" name="password" autocomplete="new-password" minlength="8" maxlength="128" required></label>
<button>Set the password</button></form><p id="answer" role="status"></p><script src="/app/link.js" defer></script>"#;

const UNDO_FORM: &str = r#"<p>Your account gets back the address that this mail was sent to, and all sessions end. The current password stops working, as somebody else may know it: request a new one afterwards.</p>
<form data-path="/email/undo/" data-done="The address is restored: request a new password, then sign in."><button>Restore my address</button></form>
<p id="answer" role="status"></p><script src="/app/link.js" defer></script>"#;

/// Sends a page's form as the API expects it, with what the link in the mail says.
const LINK_SCRIPT: &str = include_str!("pages/link.js");

/// The style of Swagger UI's page.
const DOCS_STYLE: &str = include_str!("pages/docs.css");

pub(crate) async fn index() -> Response {
    page("Vetted", INDEX)
}

pub(crate) async fn activated() -> Response {
    page("Activated", "<p>The address is confirmed: sign in.</p>")
}

pub(crate) async fn activation_failed() -> Response {
    page("Not activated", FAILED)
}

pub(crate) async fn reset_password() -> Response {
    page("New password", RESET_FORM)
}

pub(crate) async fn undo_email_change() -> Response {
    page("Restore your address", UNDO_FORM)
}

pub(crate) async fn problems() -> Response {
    page("Problems", &problem::page())
}

const INDEX: &str = r#"<p>A marketplace backend that keeps a provable history of every listing.</p>
<ul><li><a href="/docs/">API reference</a></li><li><a href="/openapi.json">OpenAPI document</a></li>
<li><a href="/docs/problems/">Error codes</a></li><li><a href="/readyz">Readiness</a></li></ul>"#;

const FAILED: &str = "<p>This link is invalid or has expired: ask for another activation mail.</p>";

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem;color:#1d2433}}\
         td,th{{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}}tr:target{{background:#fff3bf}}\
         input,button{{font:inherit;padding:.3rem .6rem}}</style><h1>{title}</h1>{body}</html>"
    );
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

/// Takes the place of Swagger UI's own: a shorter page.
pub(crate) async fn docs_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], DOCS_STYLE).into_response()
}

pub(crate) async fn link_script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], LINK_SCRIPT).into_response()
}
