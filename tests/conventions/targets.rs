//! Whom and what a request asks for: `Host`, `OPTIONS`, and where links lead.

use domain::Role;
use serde_json::Value;

use super::Shop;
use crate::refusal::refused;
use crate::support::TestApp;

const NOWHERE: &str = "0190a1b2-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_request_without_one_valid_host_is_refused_with_a_problem() {
    let app = TestApp::start().await;

    for hosts in
        ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a b/c@d\r\n", "Host:\r\n"]
    {
        let request = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");

        let answer = app.exchange(&request).await;

        let answer = refused(answer, 400, "bad_request");
        assert!(!answer.header("x-request-id").is_empty());
        assert!(answer.json["detail"].as_str().unwrap().contains("Host"), "{hosts}");
    }
    for request in [
        "GET http://shop.example/healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://u@shop.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://shop.example:99999/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        refused(app.exchange(request).await, 400, "bad_request");
    }
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: shop.example:8000\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        "GET http://shop.example/healthz HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
    ] {
        assert_eq!(app.exchange(request).await.status, 200, "{request}");
    }
}

#[tokio::test]
async fn http_2_names_whom_it_asks_in_its_own_way() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();

    let answer = client.get(app.url("/healthz")).send().await.unwrap();

    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
}

#[tokio::test]
async fn a_hundred_header_fields_and_more_are_refused_with_a_problem() {
    let app = TestApp::start().await;
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|number| format!("X-{number}: 1\r\n")).collect();
        let fields = fields.concat();
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n")
    };

    assert_eq!(app.exchange(&fields(90)).await.status, 200);
    let answer = app.exchange(&fields(150)).await;

    refused(answer, 431, "headers_too_large");
}

/// The methods in `Allow`, sorted.
fn allowed(value: &str) -> Vec<&str> {
    let mut methods: Vec<_> = value.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods
}

#[tokio::test]
async fn options_names_the_methods_of_every_path_and_is_404_where_nothing_is() {
    let app = TestApp::start().await;
    let document = app.get("/openapi.json").send().await.expect(200).json;
    let mut paths: Vec<(String, Vec<String>)> = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", NOWHERE).replace("{uid}", "u").replace("{token}", "t");
        let named = item.as_object().unwrap().keys().map(|method| method.to_uppercase());
        paths.push((path, named.filter(|method| method != "PARAMETERS").collect()));
    }
    for page in ["/", "/app/", "/docs/", "/docs/problems/", "/openapi.json", "/app/link.js"] {
        paths.push((page.to_owned(), vec!["GET".to_owned()]));
    }

    for (path, mut methods) in paths {
        let answer = app.request("OPTIONS", &path).send().await;

        assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
        methods.push("OPTIONS".to_owned());
        if methods.contains(&"GET".to_owned()) {
            methods.push("HEAD".to_owned());
        }
        methods.sort_unstable();
        methods.dedup();
        assert_eq!(allowed(answer.header("allow")), methods, "{path}");
    }
    let refused_method = app.request("PUT", "/products/").send().await.expect(405);
    assert_eq!(allowed(refused_method.header("allow")), ["GET", "HEAD", "OPTIONS", "POST"]);
    let server = "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(app.exchange(server).await.status, 204);
    for path in ["/nope/", "/products/x/y/z/", "/uploads/x/y/"] {
        refused(app.request("OPTIONS", path).send().await, 404, "not_found");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_ask_for_options_and_preflights_are_answered_still() {
    const SHOP: &str = "https://shop.example";
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", SHOP)]).await;

    let plain = app.request("OPTIONS", "/products/").header("origin", SHOP).send().await;
    let preflight = app.request("OPTIONS", "/products/").header("origin", SHOP);
    let preflight = preflight.header("access-control-request-method", "PATCH").send().await;

    assert_eq!(
        (plain.status, allowed(plain.header("allow"))),
        (204, vec!["GET", "HEAD", "OPTIONS", "POST"])
    );
    for answer in [plain, preflight] {
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
    }
}

#[tokio::test]
async fn links_follow_the_loopback_name_that_was_asked_and_no_other() {
    let Shop { app, seller, category, .. } = Shop::open().await;
    for name in ["Lamp", "Lantern"] {
        app.product(&seller, &category, name).await;
    }
    let next = async |host: &str| {
        let call = app.get("/products/?limit=1").by(&seller).header("host", host);
        let next = call.send().await.expect(200).json["next"].as_str().unwrap().to_owned();
        next.split("/products/").next().unwrap().to_owned()
    };
    let public = app.url("");

    for host in ["localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]:8000"] {
        assert_eq!(next(host).await, format!("http://{}", host.to_lowercase()));
    }
    for host in
        ["evil.example", "localhost.evil.example:8000", "10.0.0.7", "127.0.0.1.evil.example"]
    {
        assert_eq!(next(host).await, public, "{host}");
    }
}

#[tokio::test]
async fn links_start_with_the_public_address_where_one_is_set() {
    let app = TestApp::start_with(&[("PUBLIC_URL", "https://shop.example/api")]).await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    for name in ["Lamp", "Lantern"] {
        app.product(&seller, &category, name).await;
    }

    let list = app.get("/products/?limit=1").by(&seller).header("host", "localhost:8000");
    let next: Value = list.send().await.expect(200).json["next"].clone();

    assert!(next.as_str().unwrap().starts_with("https://shop.example/api/products/?"), "{next}");
}
