//! What client generators and people need of the document.

use std::collections::BTreeSet;

use domain::Role;
use serde_json::{Map, Value};

use super::schema::faults;
use super::{document, operations, resolved};
use crate::support::TestApp;

/// A body of the document: where it stands, its media type, and what is said of it.
type Body<'a> = (String, &'a str, &'a Value);

/// The bodies of every request and answer.
fn bodies(document: &Value) -> Vec<Body<'_>> {
    let mut bodies = vec![];
    for (method, path, operation) in operations(document) {
        let request = operation.get("requestBody").map(|body| ("request".to_owned(), body));
        let answers = operation["responses"].as_object().unwrap().iter();
        let answers = answers.map(|(status, answer)| (status.clone(), resolved(document, answer)));
        for (place, part) in request.into_iter().chain(answers) {
            let content = part["content"].as_object().into_iter().flatten();
            let told = format!("{method} {path} {place}");
            bodies.extend(content.map(|(kind, body)| (told.clone(), kind.as_str(), body)));
        }
    }
    bodies
}

fn schemas(document: &Value) -> &Map<String, Value> {
    document["components"]["schemas"].as_object().unwrap()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn every_body_but_bytes_has_an_example_that_is_as_its_schema_says() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    let mut wrong = vec![];
    for (told, kind, body) in bodies(&document) {
        let is_bytes = body["schema"]["format"] == "binary";
        match body.get("example") {
            None if is_bytes => {}
            None => wrong.push(format!("{told} has no example of {kind}")),
            Some(example) => {
                let faults = faults(&document, &body["schema"], example);
                wrong.extend(faults.iter().map(|fault| format!("{told}: {fault}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_error_is_exemplified_by_a_problem_of_its_status() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    for (told, kind, body) in bodies(&document) {
        let status = told.rsplit(' ').next().unwrap();
        if kind == "application/problem+json" {
            assert_eq!(body["example"]["status"].to_string(), status, "{told}");
        }
    }
}

#[tokio::test]
async fn every_operation_says_who_may_call_it_and_what_can_go_wrong() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    for (method, path, operation) in operations(&document) {
        let told = operation["description"].as_str().unwrap_or_default();
        assert!(told.contains("**Who may call it**"), "{method} {path}: {told}");
        assert!(told.contains("**What can go wrong**"), "{method} {path}: {told}");
        let roles = operation.get("x-roles").and_then(Value::as_array);
        let roles = roles.filter(|roles| roles.len() < Role::ALL.len());
        for role in roles.into_iter().flatten().filter_map(Value::as_str) {
            assert!(told.contains(role), "{method} {path} does not name {role}: {told}");
        }
        let summary = operation["summary"].as_str().unwrap();
        assert!(!summary.ends_with('.') && !summary.contains('\n'), "{method} {path}: {summary}");
        assert!(operation.contains_key("security"), "{method} {path}");
        assert!(!operation.contains_key("x-problems"), "{method} {path}");
    }
    let text = document.to_string();
    for word in ["contract", "As it is now"] {
        assert!(!text.contains(word), "the document says {word}");
    }
}

#[tokio::test]
async fn the_codes_of_problems_are_those_that_are_explained_and_each_is_told_somewhere() {
    let app = TestApp::start().await;

    let document = document(&app).await;
    let page = app.get("/docs/problems/").send().await.expect(200);

    let page = String::from_utf8_lossy(&page.bytes);
    let explained = page.split("<tr id=\"").skip(1).filter_map(|row| row.split('"').next());
    let codes = texts(&schemas(&document)["ProblemCode"]["enum"]);
    assert_eq!(codes, explained.collect());
    assert_eq!(schemas(&document)["Problem"]["properties"]["code"]["$ref"], SCHEMA_OF_CODES);
    let told = document.to_string();
    let untold: Vec<_> = codes.iter().filter(|code| told.matches(*code).count() < 2).collect();
    assert!(untold.is_empty(), "no operation tells of {untold:?}");
}

const SCHEMA_OF_CODES: &str = "#/components/schemas/ProblemCode";

#[tokio::test]
async fn members_that_can_be_null_are_required_of_answers() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    for name in ["Product", "Order", "User", "TimelineEntry", "ActivityEntry", "ProductPage"] {
        let schema = &schemas(&document)[name];
        let members = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        // What is told of a past state alone can't be null.
        let members: BTreeSet<_> = members.filter(|name| *name != "video_gone").collect();
        assert_eq!(texts(&schema["required"]), members, "{name}");
    }
    // What may be left out of a request stays so.
    assert_eq!(
        texts(&schemas(&document)["SubmitProduct"]["required"]),
        BTreeSet::from(["name", "category_id"])
    );
    assert_eq!(
        texts(&schemas(&document)["ProductForm"]["required"]),
        BTreeSet::from(["name", "category_id"])
    );
}

#[tokio::test]
async fn each_list_has_a_page_of_its_own_whose_items_refer_to_their_schema() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    let pages: Vec<_> =
        schemas(&document).iter().filter(|(name, _)| name.ends_with("Page")).collect();
    assert!(pages.len() >= 6, "{pages:?}");
    for (name, page) in pages {
        let item = name.strip_suffix("Page").unwrap();
        let reference = format!("#/components/schemas/{item}");
        assert_eq!(page["properties"]["results"]["items"]["$ref"], reference, "{name}");
    }
    let lists = operations(&document).into_iter().filter(|(method, _, operation)| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let mut names = parameters.into_iter().flatten().map(|parameter| &parameter["name"]);
        method == "GET" && names.any(|name| name == "cursor")
    });
    for (_, path, operation) in lists {
        let body = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(body["$ref"].as_str().unwrap().ends_with("Page"), "{path}: {body}");
    }
}

#[tokio::test]
async fn bytes_are_told_as_bytes_and_forms_are_beside_json() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    for (told, kind, body) in bodies(&document) {
        let is_bytes =
            kind.starts_with("video/") || kind.starts_with("image/") || kind.contains("octet");
        assert_eq!(body["schema"]["format"] == "binary", is_bytes, "{told} {kind}");
    }
    let paths = &document["paths"];
    for (path, method) in
        [("/products/", "post"), ("/products/{id}/", "put"), ("/products/{id}/", "patch")]
    {
        let content = paths[path][method]["requestBody"]["content"].as_object().unwrap();
        let kinds: Vec<_> = content.keys().collect();
        assert_eq!(kinds, ["application/json", "multipart/form-data"], "{method} {path}");
    }
}

#[tokio::test]
async fn a_live_event_is_told_by_its_type() {
    let app = TestApp::start().await;

    let document = document(&app).await;

    let event = &schemas(&document)["LiveEvent"];
    assert_eq!(event["discriminator"]["propertyName"], "type");
    let mapping = event["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(mapping.len(), event["oneOf"].as_array().unwrap().len());
    for (name, reference) in mapping {
        let schema = document.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
        assert_eq!(texts(&schema["properties"]["type"]["enum"]), BTreeSet::from([name.as_str()]));
        assert!(texts(&schema["required"]).contains("type"), "{name}");
    }
}

#[tokio::test]
async fn every_order_of_a_list_that_the_document_names_is_taken() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;

    let document = document(&app).await;

    let orders = texts(&schemas(&document)["Ordering"]["enum"]);
    assert!(orders.contains("-created_at"), "{orders:?}");
    for order in orders {
        let path = format!("/products/?ordering={order}");
        app.get(&path).by(&person).send().await.expect(200);
    }
}

#[tokio::test]
async fn keys_are_as_the_document_says_and_servers_begin_at_the_root() {
    let app = TestApp::start().await;

    let document = document(&app).await;
    let keys = app.get("/.well-known/jwks.json").send().await.expect(200).json;

    let schema = serde_json::json!({ "$ref": "#/components/schemas/JwkSet" });
    let faults = faults(&document, &schema, &keys);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(document["servers"][0]["url"], "/");
}
