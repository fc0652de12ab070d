//! Cross-origin requests: allowed for whom the configuration names, and nobody else.

use crate::support::{Answer, TestApp};

const SHOP: &str = "https://shop.example";

async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let call = app.request("OPTIONS", "/products/").header("origin", origin);
    let call = call.header("access-control-request-method", "PATCH");
    let wanted = "authorization,content-type,if-match,idempotency-key,x-request-id";
    call.header("access-control-request-headers", wanted).send().await
}

fn listed(answer: &Answer, header: &str) -> Vec<String> {
    answer.header(header).split(',').map(|name| name.trim().to_lowercase()).collect()
}

// Row 23: a preflight was answered with 401 and without headers.
#[tokio::test]
async fn a_page_of_a_configured_origin_may_call() {
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", SHOP)]).await;

    let allowed = preflight(&app, SHOP).await;

    assert!(matches!(allowed.status, 200 | 204), "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-origin"), SHOP);
    let methods = listed(&allowed, "access-control-allow-methods");
    for method in ["get", "post", "put", "patch", "delete"] {
        assert!(methods.contains(&method.to_owned()), "{methods:?}");
    }
    let headers = listed(&allowed, "access-control-allow-headers");
    for header in ["authorization", "content-type", "if-match", "if-none-match", "idempotency-key"]
    {
        assert!(headers.contains(&header.to_owned()), "{headers:?}");
    }
}

#[tokio::test]
async fn errors_can_be_read_by_the_page_that_met_them() {
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", SHOP)]).await;

    for (path, status) in [("/products/", 401), ("/nowhere/", 404), ("/healthz", 200)] {
        let answer = app.get(path).header("origin", SHOP).send().await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), SHOP);
        let shown = listed(&answer, "access-control-expose-headers");
        for header in ["etag", "location", "retry-after", "x-request-id", "idempotent-replayed"] {
            assert!(shown.contains(&header.to_owned()), "{shown:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_not() {
    let strict = TestApp::start().await;
    let app = TestApp::start_with(&[("CORS_ALLOWED_ORIGINS", SHOP)]).await;

    for (app, origin) in [
        (&app, "https://evil.example"),
        (&app, "http://shop.example"),
        (&app, "null"),
        (&strict, SHOP),
    ] {
        let answer = preflight(app, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let answer = app.get("/healthz").header("origin", origin).send().await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}
