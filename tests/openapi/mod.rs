//! The document: whole in itself, and true of what the program answers.

pub mod answers;
mod complete;
mod pages;
pub mod schema;

use std::collections::BTreeSet;

use domain::Role;
use serde_json::{Map, Value, json};

use crate::support::TestApp;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub async fn document(app: &TestApp) -> Value {
    app.get("/openapi.json").send().await.expect(200).json
}

/// A part of the document, or what it refers to.
pub fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            Some((method.to_uppercase(), path.clone(), item.get(method)?.as_object()?))
        })
    });
    each.collect()
}

#[tokio::test]
async fn it_is_openapi_3_1_and_names_every_operation_once() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut names = BTreeSet::new();
    let tags = document["tags"].as_array().unwrap().iter();
    let tags: BTreeSet<_> = tags.map(|tag| tag["name"].as_str().unwrap()).collect();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} comes twice");
        let tag = operation["tags"][0].as_str().unwrap();
        assert!(tags.contains(tag), "{method} {path}: {tag} is not explained");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty(), "{method} {path} has no summary");
    }
}

#[tokio::test]
async fn every_operation_describes_its_parameters_its_body_and_its_answers() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    let mut lacking = vec![];
    for (method, path, operation) in operations(&document) {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let parameters = parameters.map(Vec::as_slice).unwrap_or_default();
        let named = |place: &str| {
            let here = parameters.iter().filter(move |parameter| parameter["in"] == place);
            here.filter_map(|parameter| parameter["name"].as_str()).collect::<BTreeSet<_>>()
        };
        let in_path: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        if named("path") != in_path {
            lacking.push(format!("{method} {path}: path parameters are {:?}", named("path")));
        }
        let responses = operation["responses"].as_object().unwrap();
        if !responses.keys().any(|status| status.starts_with(['2', '3'])) {
            lacking.push(format!("{method} {path}: no success"));
        }
        for (status, response) in responses {
            let response = resolved(&document, response);
            if response["description"].as_str().is_none() {
                lacking.push(format!("{method} {path}: {status} is not described"));
            }
            let problem = &response["content"]["application/problem+json"]["schema"];
            if status.starts_with(['4', '5']) && problem.is_null() {
                lacking.push(format!("{method} {path}: {status} is no problem"));
            }
        }
        // What signs somebody in is refused with 401 and 403 too.
        let signs_in = ["/login/", "/login/second-factor/", "/token/refresh/"];
        let secured = operation["security"].as_array().is_some_and(|security| !security.is_empty());
        if secured != (responses.contains_key("401") && responses.contains_key("403"))
            && !signs_in.contains(&path.as_str())
        {
            lacking.push(format!("{method} {path}: security and 401 belong together"));
        }
        let takes_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
        if takes_body != operation.contains_key("requestBody") {
            lacking.push(format!("{method} {path}: body"));
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn every_reference_leads_to_something() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                left.extend(members.values());
            }
            Value::Array(values) => left.extend(values),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[tokio::test]
async fn bodies_and_headers_are_told_as_they_are_taken() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let body = json!({ "email": "a@example.com", "password": "a lamp in every window", "more": 1 });

    let document = document(&app).await;
    let login = app.post("/login/").json(body).send().await;
    let tag = app.get("/me/").by(&staff).header("if-none-match", "3").send().await;
    let key = app.post("/categories/").by(&staff).header("idempotency-key", "ö").json(json!({}));
    let key = key.send().await;

    let closed = &document["components"]["schemas"]["Login"]["additionalProperties"];
    assert_eq!((closed, login.status), (&json!(false), 400));
    let pattern = |path: &str, method: &str, name: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        let named = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        named["schema"]["pattern"].is_string()
    };
    assert!(pattern("/me/", "get", "If-None-Match"));
    assert_eq!(tag.expect(400).json["code"], "invalid_header");
    assert!(pattern("/categories/", "post", "Idempotency-Key"));
    assert_eq!(key.expect(400).json["code"], "invalid_idempotency_key");
    // GET's members may be sent back by PUT, which takes the same schema.
    assert!(document["components"]["schemas"]["CreateCategory"]["additionalProperties"].is_null());
}
