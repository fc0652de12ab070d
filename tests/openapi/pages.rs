//! Swagger UI, without a network.

use crate::support::TestApp;

/// What a page loads: `src` and `href`.
fn loaded(html: &str) -> Vec<String> {
    let attributes = ["src=\"", "href=\""];
    let each = attributes.iter().flat_map(|attribute| html.split(attribute).skip(1));
    each.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_documentation_loads_all_of_itself_from_the_program() {
    let app = TestApp::start().await;

    let page = app.get("/docs/").send().await.expect(200);

    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = String::from_utf8(page.bytes).unwrap();
    let loaded = loaded(&html);
    assert!(loaded.iter().any(|file| file.contains("swagger-ui-bundle.js")), "{loaded:?}");
    assert!(loaded.iter().any(|file| file.contains("swagger-ui.css")), "{loaded:?}");
    for file in loaded.iter().filter(|file| !file.starts_with("data:")) {
        assert!(!file.contains("//"), "{file} is elsewhere");
        let path = format!("/docs/{}", file.trim_start_matches("./").trim_start_matches("/docs/"));
        let answer = app.get(&path).send().await.expect(200);
        assert!(!answer.bytes.is_empty(), "{path}");
        let kind = answer.header("content-type");
        assert!(!kind.starts_with("text/html"), "{path}");
        assert!(!kind.starts_with("text/") || kind.ends_with("; charset=utf-8"), "{path}: {kind}");
        if file.contains("initializer") {
            let text = String::from_utf8_lossy(&answer.bytes);
            assert!(text.contains("/openapi.json"), "{text}");
            // Who is authorized stays so, and roles are shown.
            assert!(text.contains("\"persistAuthorization\": true"), "{text}");
            assert!(text.contains("\"showExtensions\": true"), "{text}");
        }
    }
    // Errors fold: else an operation is as tall as eight screens.
    let style = app.get("/docs/index.css").send().await.expect(200);
    assert!(String::from_utf8_lossy(&style.bytes).contains(".response[data-code^=\"4\"]"));
    app.get("/docs/swagger-ui-nonsense.js").send().await.expect(404);
}

#[tokio::test]
async fn the_documentation_is_found_without_its_slash_and_problems_are_explained() {
    let app = TestApp::start().await;

    let found = app.get("/docs").send().await;
    assert!(matches!(found.status, 200 | 301 | 302 | 303 | 307 | 308), "{found:?}");
    for path in ["/docs/problems", "/docs/problems/"] {
        let page = app.get(path).send().await.expect(200);
        let html = String::from_utf8_lossy(&page.bytes);
        assert!(html.contains("id=\"version_mismatch\""), "{html}");
    }
    let home = app.get("/").send().await.expect(200);
    assert!(String::from_utf8_lossy(&home.bytes).contains("/docs/"));
}
