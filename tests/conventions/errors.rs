//! Errors that have to do with no resource in particular.

use std::collections::BTreeSet;

use domain::Role;
use serde_json::json;

use super::Shop;
use crate::refusal::refused;
use crate::support::TestApp;

const NOWHERE: &str = "0190a1b2-0000-7000-8000-000000000000";

// Rows 1, 24 and 25 of the predecessor's faults.
#[tokio::test]
async fn an_unknown_route_is_a_problem_whatever_the_method() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;

    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/nowhere/", "/nowhere", "/products/x/y/z/", "/api/v1/", "/%00", "/%ff/"] {
            let answer = app.request(method, path).by(&person).send().await;
            let answer = refused(answer, 404, "not_found");
            assert!(answer.json["instance"].as_str().unwrap().starts_with(path));
        }
    }
}

// Row 48: a GET that changed state.
#[tokio::test]
async fn a_wrong_method_is_told_those_that_work_on_every_path() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let document = app.get("/openapi.json").send().await.expect(200).json;

    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = ["get", "head", "post", "put", "patch", "delete", "options"];
        let mut works: BTreeSet<String> = methods
            .into_iter()
            .filter(|method| item.get(*method).is_some())
            .map(str::to_uppercase)
            .collect();
        if works.contains("GET") {
            works.insert("HEAD".to_owned());
        }
        works.insert("OPTIONS".to_owned());
        let uid = path.replace("{id}", NOWHERE).replace("{uid}", "u").replace("{token}", "t");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if works.contains(method) {
                continue;
            }

            let answer = app.request(method, &uid).by(&staff).send().await;

            let answer = refused(answer, 405, "method_not_allowed");
            let allow = answer.headers["allow"].to_str().unwrap();
            let allowed: BTreeSet<String> = allow.split(',').map(|m| m.trim().to_owned()).collect();
            assert_eq!(allowed, works, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_challenged() {
    let app = TestApp::start().await;

    let answer = refused(app.get("/me/").send().await, 401, "not_authenticated");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        let answer = app.get("/me/").bearer(token).send().await;
        let answer = refused(answer, 401, "invalid_token");
        assert_eq!(answer.headers["www-authenticate"], r#"Bearer error="invalid_token""#);
    }
    let basic = app.get("/me/").header("authorization", "Basic YTpi").send().await;
    refused(basic, 401, "invalid_token");
}

#[tokio::test]
async fn a_body_of_another_kind_is_told_which_is_read() {
    let Shop { app, staff, .. } = Shop::open().await;
    let body = || br#"{"name": "Chairs"}"#.to_vec();

    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=iso-8859-1",
        "multipart/form-data; boundary=x",
        "nonsense",
    ] {
        let answer = app.post("/categories/").by(&staff).body(body(), kind).send().await;
        let answer = refused(answer, 415, "unsupported_media_type");
        assert!(answer.json["detail"].as_str().unwrap().contains("application/json"));
    }
    let compressed = app.post("/categories/").by(&staff).body(body(), "application/json");
    let answer = compressed.header("content-encoding", "gzip").send().await;
    refused(answer, 415, "unsupported_media_type");
    for kind in ["application/json", "application/json; charset=utf-8", "application/merge+json"] {
        let name = json!({"name": format!("Chairs, {kind}")}).to_string().into_bytes();
        app.post("/categories/").by(&staff).body(name, kind).send().await.expect(201);
    }
}

// Row 9: products could not be written as JSON.
#[tokio::test]
async fn a_product_takes_json_and_forms_and_nothing_else() {
    let shop = Shop::open().await;

    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"] {
        let call = shop.app.post("/products/").by(&shop.seller);
        refused(call.body(b"name=Lamp".to_vec(), kind).send().await, 415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_is_sent() {
    let Shop { app, staff, .. } = Shop::open().await;
    let large = |bytes: usize| {
        let body = json!({"name": "Chairs", "description": ""}).to_string();
        let padded = format!("{body}{}", " ".repeat(bytes - body.len()));
        padded.into_bytes()
    };
    let post = || app.post("/categories/").by(&staff);

    refused(post().body(large(1_000_001), "application/json").send().await, 413, "body_too_large");
    let chunks =
        futures::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 50_000])));
    let chunked = app
        .client
        .post(app.url("/categories/"))
        .bearer_auth(&staff.access)
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(chunks));
    let status = chunked.send().await.map(|answer| answer.status().as_u16());
    // A client that goes on sending may find the connection closed before they read the answer.
    assert!(status.as_ref().map_or(true, |status| *status == 413), "{status:?}");
    post().body(large(1_000_000), "application/json").send().await.expect(201);
}

// Row 42: a path to somebody else's file in place of a video.
#[tokio::test]
async fn a_video_is_never_taken_from_json() {
    let shop = Shop::open().await;
    let body = json!({"name": "Lamp", "category_id": shop.category, "video": "videos/secret.mp4"});

    let answer = shop.app.post("/products/").by(&shop.seller).json(body).send().await;

    let answer = refused(answer, 400, "invalid_input");
    assert_eq!(answer.wrong(), ["video"]);
}
