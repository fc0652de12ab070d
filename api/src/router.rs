//! The table of contents: every path, and what every request goes through.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::accounts::{
    activity, evenly, me, passwords, registration, second_factor, sessions, users,
};
use crate::admission::{Gate, admit};
use crate::coding::{Coded, keep_plain};
use crate::drain::drain;
use crate::overload::{Room, Shed};
use crate::problem::Problem;
use crate::products::{history, media, review, thumbnails};
use crate::uploads::{self, protocol};
use crate::{
    App, around, categories, cors, fixed, idempotency, live, observe, openapi, options, orders,
    pages, payload, products,
};

/// Where the OpenAPI document is.
const DOCUMENT: &str = "/openapi.json";

/// Answers every request; cheap to clone.
pub type Service = BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// What anybody may POST, once under one `Idempotency-Key`.
fn open_acts() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(registration::register))
        .routes(routes!(registration::resend))
        .routes(routes!(passwords::request_reset))
        .routes(routes!(passwords::confirm_reset))
        .routes(routes!(registration::undo_email_change))
        .layer(from_fn(evenly))
}

/// What gives tokens and other secrets, or takes tokens: never stored for an `Idempotency-Key`, and
/// never compressed.
fn tokens() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(registration::activate))
        .merge(OpenApiRouter::new().routes(routes!(sessions::login)).layer(from_fn(evenly)))
        .routes(routes!(sessions::complete))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::logout))
        .routes(routes!(sessions::reauthenticate))
        .routes(routes!(second_factor::find, second_factor::begin, second_factor::disable))
        .routes(routes!(second_factor::confirm))
        .routes(routes!(second_factor::replace_codes))
        .layer(map_response(keep_plain))
}

/// What needs somebody signed in.
fn signed_in() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me::find, me::edit, me::erase))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(activity::list))
        .routes(routes!(sessions::end))
        .routes(routes!(passwords::change))
        .routes(routes!(users::list))
        .routes(routes!(users::find, users::manage))
        .routes(routes!(categories::list, categories::create))
        .routes(routes!(
            categories::find,
            categories::replace,
            categories::edit,
            categories::delete
        ))
        .routes(routes!(products::list, products::submit))
        .routes(routes!(live::all))
        .routes(routes!(history::uploads))
        .routes(routes!(products::find, products::replace, products::edit, products::delete))
        .routes(routes!(review::approve))
        .routes(routes!(review::reject))
        .routes(routes!(review::cancel))
        .routes(routes!(review::resubmit))
        .routes(routes!(history::moderation))
        .routes(routes!(live::product))
        .routes(routes!(media::video))
        .routes(routes!(media::poster))
        .routes(routes!(thumbnails::sprite))
        .routes(routes!(thumbnails::cues))
        .routes(routes!(uploads::create))
        .routes(routes!(uploads::find, uploads::append, uploads::delete))
        .routes(routes!(orders::list, orders::place))
        .routes(routes!(orders::find, orders::replace, orders::edit, orders::delete))
        .routes(routes!(orders::history))
}

/// What watches over the program, in full.
fn watched() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(around::health))
        .routes(routes!(around::readiness))
        .routes(routes!(around::metrics))
}

/// The same where everybody may ask: no details if those are served elsewhere.
fn around(app: &App) -> OpenApiRouter<App> {
    if !app.settings.operations_apart {
        return watched();
    }
    OpenApiRouter::new()
        .routes(routes!(around::health))
        .routes(routes!(around::readiness_without_details))
}

fn described(app: &App) -> (Router<App>, OpenApi) {
    let once_by_anybody = from_fn_with_state(app.clone(), idempotency::of_anybody);
    let once_by_user = from_fn_with_state(app.clone(), idempotency::of_users);
    let (router, document) = OpenApiRouter::with_openapi(openapi::head())
        .merge(open_acts().layer(once_by_anybody))
        .merge(tokens())
        .merge(signed_in().layer(once_by_user))
        .merge(around(app).routes(routes!(around::keys)))
        .routes(routes!(uploads::options))
        .split_for_parts();
    (router, openapi::completed(document))
}

/// The API, ready to be served.
pub fn service(app: App) -> Service {
    let (router, document) = described(&app);
    let swagger = SwaggerUi::new("/docs").config(docs());
    // Written once: anybody may ask for it, as often as they like.
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let document =
        move || async move { ([(CONTENT_TYPE, "application/json")], document).into_response() };
    let fixed = pages::routes().merge(swagger).route(DOCUMENT, get(document));
    let revalidated = from_fn_with_state(fixed::Tags::default(), fixed::revalidate);
    wrapped(router.merge(fixed.layer(revalidated)), app)
}

/// Swagger UI: one operation open at a time fits on a few screens, and who is authorized stays so.
fn docs() -> Config<'static> {
    Config::from(DOCUMENT)
        .use_base_layout()
        .deep_linking(true)
        .filter(true)
        .default_models_expand_depth(-1)
        .show_extensions(true)
        .persist_authorization(true)
}

/// What watches over a program that serves nothing else.
pub fn watching(app: App) -> Service {
    wrapped(around(&app).into(), app)
}

/// Health, readiness and metrics in full, for a listener of their own.
pub fn operations(app: App) -> Service {
    wrapped(watched().into(), app)
}

/// What every request goes through.
fn wrapped(router: Router<App>, app: App) -> Service {
    let cors = cors::layer(&app.settings.cors_allowed_origins);
    let room = Arc::new(Room::new(app.clone()));
    let admitted = from_fn_with_state(Gate::new(&app, Arc::clone(&room)), admit);
    let spoken = from_fn_with_state(app.clone(), protocol::speak);
    let opened = from_fn_with_state(app.clone(), payload::open_request);
    let observed = from_fn_with_state(app.clone(), observe::observe);
    let shedding = app.clone();
    let router = router
        .fallback(async || Problem::not_found())
        .layer(DefaultBodyLimit::disable())
        .route_layer(from_fn(observe::note_route))
        .with_state(app);
    let service = ServiceBuilder::new()
        .layer(observed)
        .layer(from_fn(drain))
        .layer(spoken)
        .map_request(options::hide)
        .layer(cors)
        .map_request(options::restore)
        .layer(admitted)
        .layer(opened)
        .layer(from_fn(options::answer))
        .map_request(with_slash)
        .service(router);
    BoxCloneSyncService::new(Shed::new(Coded::new(service), shedding, room))
}

/// Paths without a slash at the end mean the same as with one.
fn with_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let as_it_is = last.is_empty()
        || last.contains('.')
        || path == "/docs"
        || matches!(path, "/healthz" | "/readyz" | "/metrics");
    if !as_it_is {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{path}/{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn routed(uri: &str) -> String {
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        with_slash(request).uri().to_string()
    }

    #[test]
    fn a_missing_slash_is_added_and_the_query_kept() {
        assert_eq!(routed("/products"), "/products/");
        assert_eq!(routed("/products?limit=5"), "/products/?limit=5");
        assert_eq!(routed("/products/?limit=5"), "/products/?limit=5");
        assert_eq!(routed("http://vetted.example/me"), "http://vetted.example/me/");
    }

    #[test]
    fn files_and_what_watches_over_the_program_stay_as_they_are() {
        for path in ["/healthz", "/openapi.json", "/.well-known/jwks.json", "/docs/index.css", "/"]
        {
            assert_eq!(routed(path), path);
        }
    }
}
