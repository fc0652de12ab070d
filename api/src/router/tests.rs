//! What the lines of the table of contents say together, and what the document makes of them.

use axum::body::Body;
use axum::extract::Request;
use domain::StreamType;
use serde_json::Value;

use super::*;
use crate::class::Class;
use crate::http::policies::Policies;
use crate::http::policy::{Access, class_of};

fn whole() -> (Policies, Value) {
    let table = watched(contents()).route(routes!(system::keys), OPEN);
    let Contents { document, policies, .. } = pages(table).into_contents();
    let document = openapi::completed(document, |path| policies.of(path), &FEATURES);
    (policies, serde_json::to_value(document).unwrap())
}

/// Method, path, and what the document says.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, told)| (method.as_str(), path.as_str(), told))
    });
    operations.collect()
}

fn noted(method: &str, uri: &str) -> Request {
    let mut request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    whole().0.note(&mut request);
    request
}

#[test]
fn a_policy_says_signed_in_where_a_permission_is_needed_and_nowhere_else() {
    let (policies, document) = whole();

    let operations = operations(&document);

    assert!(operations.len() > 60, "{}", operations.len());
    for (method, path, told) in operations {
        let is_open = told["security"].as_array().unwrap().is_empty();
        let expected = if is_open { Access::Anybody } else { Access::SignedIn };
        // Anybody may ask what a path takes.
        if method != "options" {
            assert_eq!(policies.of(path).access(), expected, "{method} {path}");
        }
    }
}

#[test]
fn every_post_takes_a_key_or_gives_secrets() {
    let (policies, document) = whole();

    for (method, path, _) in operations(&document) {
        let policy = policies.of(path);
        let is_told = policy.takes_key() || policy.has_secrets();
        assert!(method != "post" || is_told, "{path}: say once() or secret()");
    }
}

#[test]
fn every_id_in_a_path_has_an_example() {
    let (_, document) = whole();

    for (method, path, told) in operations(&document) {
        let parameters = told["parameters"].as_array().into_iter().flatten();
        let ids = parameters.filter(|parameter| parameter["in"] == "path");
        for id in ids {
            assert!(id["example"].is_string(), "{method} {path}: add it to its Feature");
        }
    }
}

#[test]
fn every_act_can_be_shown_again() {
    let shown = FEATURES.iter().filter_map(|feature| feature.shown);
    let kinds: Vec<_> = shown.map(|shown| shown.kind).collect();
    for kind in StreamType::ALL {
        assert!(kinds.contains(&kind), "{kind}: say in its Feature what is shown");
    }
}

/// `Example::request` reads each in builds with debug assertions, such as this.
#[test]
fn requests_are_read_by_the_types_that_routes_take() {
    let examples = FEATURES.iter().flat_map(|feature| (feature.examples)());
    assert!(examples.count() > 30);
}

#[test]
fn the_slash_at_the_end_makes_no_difference_to_a_policy() {
    for (method, path, class) in [
        ("POST", "/login", Some(Class::SignIns)),
        ("POST", "/login/", Some(Class::SignIns)),
        ("PATCH", "/uploads/x", Some(Class::Uploads)),
        ("PATCH", "/uploads/x/", Some(Class::Uploads)),
        ("GET", "/readyz", None),
        ("GET", "/readyz/", None),
        ("GET", "/nowhere/", Some(Class::Reads)),
        ("POST", "/nowhere/", Some(Class::Commands)),
        ("GET", "/", Some(Class::Reads)),
    ] {
        assert_eq!(class_of(&noted(method, path)), class, "{method} {path}");
    }
}

#[test]
fn a_missing_slash_is_added_and_the_query_kept() {
    let routed = |uri| with_slash(noted("GET", uri)).uri().to_string();
    assert_eq!(routed("/products"), "/products/");
    assert_eq!(routed("/products?limit=5"), "/products/?limit=5");
    assert_eq!(routed("/products/?limit=5"), "/products/?limit=5");
    assert_eq!(routed("/docs/problems"), "/docs/problems/");
    assert_eq!(routed("http://vetted.example/me"), "http://vetted.example/me/");
}

#[test]
fn files_and_what_watches_over_the_program_stay_as_they_are() {
    for path in [
        "/healthz",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/docs",
        "/docs/index.css",
        "/products/film.mp4",
        "/",
    ] {
        assert_eq!(with_slash(noted("GET", path)).uri().to_string(), path);
    }
}
