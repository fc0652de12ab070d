//! The table of contents: every path, and what every request goes through.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::features::accounts::{
    activity, me, passwords, registration, second_factor, sessions, users,
};
use crate::features::feature::Feature;
use crate::features::idempotency::{Keys, once_per_key};
use crate::features::products::{history, media, review, thumbnails};
use crate::features::uploads::protocol;
use crate::features::{
    accounts, categories, live, orders, pages, policies, products, system, uploads,
};
use crate::http::coding::Coded;
use crate::http::input::no_content;
use crate::http::policies::{Policies, with_slash};
use crate::http::policy::{OPEN, SIGNED_IN};
use crate::http::problem::Problem;
use crate::http::{cors, fixed, options, payload};
use crate::limits::admission::{Gate, admit};
use crate::limits::drain::drain;
use crate::limits::overload::{Room, Shed};
use crate::server::Service;
use crate::table::{Contents, Table};
use crate::{App, observe, openapi};

/// Where the OpenAPI document is.
const DOCUMENT: &str = "/openapi.json";

/// What the API is for. The document has their tags in this order.
static FEATURES: [Feature; 7] = [
    accounts::FEATURE,
    categories::FEATURE,
    policies::FEATURE,
    products::FEATURE,
    uploads::FEATURE,
    orders::FEATURE,
    system::FEATURE,
];

/// What people and programs do with the API: each path with its policy (`policy.rs`). Who may do it is
/// the type of an extractor of the handler (`permission.rs`).
fn contents() -> Table {
    let table = Table::new(openapi::head());
    let table = strangers(table);
    let table = sessions(table);
    let table = accounts(table);
    let table = products(table);
    let table = uploads(table);
    let table = orders(table);
    policies(table)
}

/// What somebody does who is not signed in.
fn strangers(table: Table) -> Table {
    let act = OPEN.sign_in().equal_timing();
    table
        .route(routes!(registration::register), act.once_with(registration::registered))
        .route(routes!(registration::resend), act.once_with(registration::resent))
        .route(routes!(passwords::request_reset), act.once_with(passwords::reset_requested))
        .route(routes!(passwords::confirm_reset), act.once_with(no_content))
        .route(routes!(registration::undo_email_change), act.once_with(no_content))
        .route(routes!(registration::activate), OPEN.secret())
}

/// What gives or takes tokens and other secrets.
fn sessions(table: Table) -> Table {
    table
        .route(routes!(sessions::login), OPEN.sign_in().secret().equal_timing())
        .route(routes!(sessions::complete), OPEN.sign_in().secret())
        .route(routes!(sessions::refresh), OPEN.secret())
        .route(routes!(sessions::logout), SIGNED_IN.secret())
        .route(routes!(sessions::reauthenticate), SIGNED_IN.sign_in().secret())
        .route(
            routes!(second_factor::find, second_factor::begin, second_factor::disable),
            SIGNED_IN.secret(),
        )
        .route(routes!(second_factor::confirm), SIGNED_IN.secret())
        .route(routes!(second_factor::replace_codes), SIGNED_IN.secret())
}

fn accounts(table: Table) -> Table {
    table
        .route(routes!(me::find, me::edit, me::erase), SIGNED_IN.versioned())
        .route(routes!(sessions::list, sessions::end_all), SIGNED_IN)
        .route(routes!(activity::list), SIGNED_IN)
        .route(routes!(sessions::end), SIGNED_IN)
        .route(routes!(passwords::change), SIGNED_IN.sign_in().once_with(no_content))
        .route(routes!(users::list), SIGNED_IN)
        .route(routes!(users::find, users::manage), SIGNED_IN.versioned())
}

fn products(table: Table) -> Table {
    let review = SIGNED_IN.versioned().once();
    table
        .route(routes!(categories::list, categories::create), SIGNED_IN.collection().once())
        .route(
            routes!(categories::find, categories::replace, categories::edit, categories::delete),
            SIGNED_IN.versioned(),
        )
        .route(routes!(products::list, products::submit), SIGNED_IN.form().collection().once())
        .route(routes!(live::all), SIGNED_IN)
        .route(routes!(history::uploads), SIGNED_IN)
        .route(
            routes!(products::find, products::replace, products::edit, products::delete),
            SIGNED_IN.form().versioned(),
        )
        .route(routes!(review::approve), review)
        .route(routes!(review::reject), review)
        .route(routes!(review::cancel), review)
        .route(routes!(review::resubmit), review)
        .route(routes!(history::moderation), SIGNED_IN)
        .route(routes!(live::product), SIGNED_IN)
        .route(routes!(media::video), SIGNED_IN)
        .route(routes!(media::poster), SIGNED_IN)
        .route(routes!(thumbnails::sprite), SIGNED_IN)
        .route(routes!(thumbnails::cues), SIGNED_IN)
}

fn uploads(table: Table) -> Table {
    let upload = SIGNED_IN.resumable();
    table
        .route(routes!(uploads::create, uploads::options), upload.collection().once())
        .route(routes!(uploads::find, uploads::append, uploads::delete), upload)
}

fn orders(table: Table) -> Table {
    table
        .route(routes!(orders::list, orders::place), SIGNED_IN.collection().once())
        .route(
            routes!(orders::find, orders::replace, orders::edit, orders::delete),
            SIGNED_IN.versioned(),
        )
        .route(routes!(orders::history), SIGNED_IN)
}

fn policies(table: Table) -> Table {
    table.route(routes!(policies::list, policies::create), SIGNED_IN.collection().once()).route(
        routes!(policies::find, policies::replace, policies::edit, policies::delete),
        SIGNED_IN.versioned(),
    )
}

/// What watches over the program, in full.
fn watched(table: Table) -> Table {
    table
        .route(routes!(system::health), OPEN.uncounted())
        .route(routes!(system::readiness), OPEN.uncounted())
        .route(routes!(system::metrics), OPEN.uncounted())
}

/// Health, readiness and metrics where everybody may ask: no details if those are served elsewhere.
fn system(table: Table, app: &App) -> Table {
    if !app.settings.operations_apart {
        return watched(table);
    }
    table
        .route(routes!(system::health), OPEN.uncounted())
        .route(routes!(system::readiness_without_details), OPEN.uncounted())
}

/// Pages for people.
fn pages(table: Table) -> Table {
    table
        .page("/", get(pages::index))
        .page("/app/", get(pages::index))
        .page(pages::ACTIVATED, get(pages::activated))
        .page(pages::ACTIVATION_FAILED, get(pages::activation_failed))
        .page("/app/password/reset/", get(pages::reset_password))
        .page("/app/email/undo/", get(pages::undo_email_change))
        .page("/app/link.js", get(pages::link_script))
        .page("/docs/index.css", get(pages::docs_style))
        .page("/docs/problems/", get(pages::problems))
}

/// The API, ready to be served.
pub fn service(app: App) -> Service {
    let table = pages(system(contents(), &app).route(routes!(system::keys), OPEN));
    let Contents { operations, document, pages, policies } = table.into_contents();
    let document = openapi::completed(document, |path| policies.of(path), &FEATURES);
    // Written once: anybody may ask for it, as often as they like.
    let document = Bytes::from(document.to_json().unwrap_or_default());
    let document =
        move || async move { ([(CONTENT_TYPE, "application/json")], document).into_response() };
    let swagger = SwaggerUi::new("/docs").config(docs());
    let fixed = pages.merge(swagger).route(DOCUMENT, get(document));
    let revalidated = from_fn_with_state(fixed::Tags::default(), fixed::revalidate);
    let once = from_fn_with_state(Keys::new(app.clone(), &FEATURES), once_per_key);
    let router = operations.route_layer(once).merge(fixed.layer(revalidated));
    wrapped(router, policies, app)
}

/// What watches over a program that serves nothing else.
pub fn watching(app: App) -> Service {
    let Contents { operations, policies, .. } =
        system(Table::new(openapi::head()), &app).into_contents();
    wrapped(operations, policies, app)
}

/// Health, readiness and metrics in full, for a listener of their own.
pub fn operations(app: App) -> Service {
    let Contents { operations, policies, .. } =
        watched(Table::new(openapi::head())).into_contents();
    wrapped(operations, policies, app)
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

/// What every request goes through.
fn wrapped(router: Router<App>, policies: Policies, app: App) -> Service {
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
    BoxCloneSyncService::new(Shed::new(Coded::new(service), shedding, room, policies))
}

#[cfg(test)]
mod tests;
