//! Health and metrics on a listener of their own.

use std::net::TcpListener;

use crate::refusal::refused;
use crate::support::{Answer, Call, TestApp, eventually};

/// An address that nothing listens on.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

async fn get(app: &TestApp, address: &str, path: &str) -> Answer {
    Call::new(&app.client, "GET", &format!("http://{address}{path}")).send().await
}

#[tokio::test]
async fn metrics_and_the_parts_of_readyz_are_told_only_where_operations_listen() {
    let address = free();
    let mut app = TestApp::start_with(&[("OPERATIONS_BIND", &address)]).await;

    let detailed = eventually("every part is there", async || {
        let answer = get(&app, &address, "/readyz").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    let short = app.get("/readyz").send().await.expect(200);

    assert_eq!(detailed.json["checks"]["database"], "ok");
    assert_eq!(short.json, serde_json::json!({"status": "ok"}));
    let metrics = get(&app, &address, "/metrics").await.expect(200);
    let text = String::from_utf8_lossy(&metrics.bytes);
    for figure in [
        "# HELP vetted_http_requests_total Requests by method, route and status",
        "vetted_build_info{version=",
        "vetted_database_connections{state=\"idle\"}",
        "vetted_dead_letters 0",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(figure), "{figure}: {text}");
    }
    let of_others = text.lines().find(|line| {
        !["# ", "vetted_", "process_"].iter().any(|begin| line.starts_with(begin))
            && !line.is_empty()
    });
    assert_eq!(of_others, None);
    let described = |name: &str| text.contains(&format!("# HELP {name} "));
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let bare: Vec<_> = types.map(|(name, _)| name).filter(|name| !described(name)).collect();
    assert!(bare.is_empty(), "without # HELP: {bare:?}");
    refused(app.get("/metrics").send().await, 404, "not_found");
    let document = app.get("/openapi.json").send().await.expect(200);
    assert!(document.json["paths"]["/metrics"].is_null());
    for path in ["/products/", "/openapi.json", "/.well-known/jwks.json"] {
        refused(get(&app, &address, path).await, 404, "not_found");
    }
    app.run(&["healthcheck"]).await.expect(0);
    app.program.set("OPERATIONS_BIND", &free());
    app.run(&["healthcheck"]).await.expect(1);
}

#[tokio::test]
async fn a_part_that_is_down_is_named_only_where_operations_listen() {
    let address = free();
    let app = TestApp::start_with(&[("OPERATIONS_BIND", &address)]).await;
    sqlx::query("UPDATE read_models SET version = 0").execute(&app.pool()).await.unwrap();

    let detailed = refused(get(&app, &address, "/readyz").await, 503, "not_ready");
    let short = refused(app.get("/readyz").send().await, 503, "not_ready");

    assert!(detailed.json["errors"]["projections"].is_array(), "{detailed:?}");
    assert!(short.json["errors"].is_null(), "{short:?}");
    assert!(!short.json["detail"].as_str().unwrap().contains("projections"), "{short:?}");
}

#[tokio::test]
async fn workers_keep_their_metrics_apart_too() {
    let address = free();
    let mut app = TestApp::start().await;
    app.program.set("OPERATIONS_BIND", &address);

    let worker = app.program.serve(&["worker"]).await;

    let get_short = async |path: &str| app.request_to(&worker, "GET", path).send().await;
    refused(get_short("/metrics").await, 404, "not_found");
    get_short("/healthz").await.expect(200);
    let detailed = eventually("every part is there", async || {
        let answer = get(&app, &address, "/readyz").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(detailed.json["checks"]["workers"], "ok");
}
