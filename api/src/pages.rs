//! The few pages that people need before there is a web app: where links in mails lead.

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::App;
use crate::problem;

/// Where a browser is taken that opened an activation link.
pub(crate) const ACTIVATED: &str = "/app/activated/";
/// The same for a link that is no good.
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

/// `/`, `/app/…`, and what of `/docs/` is not Swagger UI.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(async || page("Vetted", INDEX)))
        .route("/app/", get(async || page("Vetted", INDEX)))
        .route(
            ACTIVATED,
            get(async || page("Activated", "<p>The address is confirmed: sign in.</p>")),
        )
        .route(ACTIVATION_FAILED, get(async || page("Not activated", FAILED)))
        .route("/app/password/reset/", get(async || page("New password", RESET_FORM)))
        .route("/app/email/undo/", get(async || page("Restore your address", UNDO_FORM)))
        .route("/app/link.js", get(script))
        .route("/docs/index.css", get(docs_style))
        .route("/docs/problems/", get(async || page("Problems", &problem::page())))
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
async fn docs_style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], DOCS_STYLE).into_response()
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], LINK_SCRIPT).into_response()
}
