//! Who calls, how often they may, and what a process tells of itself.

use std::os::unix::fs::PermissionsExt;

use domain::Role;
use serde_json::json;

use crate::refusal::refused;
use crate::support::{Answer, TestApp, eventually};

/// A sign-in that a proxy passes on, with what it says of where it comes from.
async fn sign_in_from(app: &TestApp, header: &str, value: &str, email: &str) -> Answer {
    let body = json!({"email": email, "password": "wrong"});
    app.post("/login/").header(header, value).json(body).send().await
}

#[tokio::test]
async fn a_trusted_proxy_says_where_requests_come_from() {
    let variables = [("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"), ("RUST_LOG", "info,api=debug")];
    let app = TestApp::start_with(&variables).await;
    let email = "ada@example.com";

    for number in 0..10 {
        // What the client says itself stands further left.
        let chain = format!("198.51.100.{number}, 192.0.2.1, 10.0.0.9");
        sign_in_from(&app, "X-Forwarded-For", &chain, email).await.expect(401);
    }

    sign_in_from(&app, "X-Forwarded-For", "192.0.2.1", email).await.expect(429);
    sign_in_from(&app, "Forwarded", "for=\"192.0.2.1:99\";proto=https", email).await.expect(429);
    sign_in_from(&app, "X-Forwarded-For", "192.0.2.2", email).await.expect(401);
    sign_in_from(&app, "Forwarded", "for=\"[2001:db8::1]\"", email).await.expect(401);
    let log = app.stderr();
    assert!(log.contains("client=192.0.2.0/24") && log.contains("client=2001:db8::/48"), "{log}");
    assert!(!log.contains("192.0.2.1"), "{log}");
}

#[tokio::test]
async fn nobody_else_is_believed() {
    for variables in [[].as_slice(), &[("TRUSTED_PROXIES", "10.0.0.0/8")]] {
        let app = TestApp::start_with(variables).await;

        for number in 0..10 {
            let value = format!("192.0.2.{number}");
            sign_in_from(&app, "X-Forwarded-For", &value, "ada@example.com").await.expect(401);
        }

        for (header, value) in [("X-Forwarded-For", "192.0.2.77"), ("Forwarded", "for=192.0.2.77")]
        {
            sign_in_from(&app, header, value, "ada@example.com").await.expect(429);
        }
    }
}

#[tokio::test]
async fn a_caller_who_asks_too_often_waits_and_nobody_else_does() {
    let app = TestApp::start_with(&[("RATE_LIMITS", "reads=5,commands=3,sign-ins=off")]).await;
    let (busy, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);

    for _ in 0..5 {
        app.get("/me/").by(&busy).send().await.expect(200);
    }

    let answer = refused(app.get("/me/").by(&busy).send().await, 429, "too_many_requests");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=13).contains(&wait), "{answer:?}");
    assert_eq!(answer.header("ratelimit"), format!("\"reads\";r=0;t={wait}"));
    assert_eq!(answer.header("ratelimit-policy"), "\"reads\";q=5;w=60");
    assert!(!answer.header("x-request-id").is_empty());
    app.get("/me/").by(&other).send().await.expect(200);
    // Commands, and those who are not signed in, have limits of their own.
    let refresh = async || app.post("/token/refresh/").json(json!({"refresh": "x"})).send().await;
    for _ in 0..3 {
        refresh().await.expect(401);
    }
    refused(refresh().await, 429, "too_many_requests");
    for _ in 0..10 {
        app.get("/healthz").send().await.expect(200);
        app.login(&busy.email, &busy.password).await.expect(200);
    }
}

#[tokio::test]
async fn browsers_are_told_to_use_https_where_that_is_what_is_public() {
    const HEADER: &str = "strict-transport-security";
    let secure = TestApp::start_with(&[("PUBLIC_URL", "https://shop.example")]).await;
    let plain = TestApp::start().await;

    for path in ["/healthz", "/nowhere/", "/me/", "/docs/"] {
        let answer = secure.get(path).send().await;
        let told = answer.header(HEADER);
        assert!(told.starts_with("max-age=63072000"), "{path}: {told}");
        assert_eq!(plain.get(path).send().await.header(HEADER), "");
    }
}

#[tokio::test]
async fn a_worker_says_how_it_is_and_nothing_else() {
    let mut app = TestApp::start().await;
    let worker = app.program.serve(&["worker"]).await;

    let get = async |path: &str| app.request_to(&worker, "GET", path).send().await;
    get("/healthz").await.expect(200);
    let ready = eventually("every part is there", async || {
        let answer = get("/readyz").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    let parts: Vec<_> = ready.json["checks"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        parts,
        ["broker", "clock", "database", "projections", "rebuilds", "storage", "workers"]
    );
    let metrics = get("/metrics").await.expect(200);
    assert!(String::from_utf8_lossy(&metrics.bytes).contains("vetted_http_requests_total"));
    for path in ["/", "/products/", "/openapi.json", "/.well-known/jwks.json"] {
        refused(get(path).await, 404, "not_found");
    }
    let login = app.request_to(&worker, "POST", "/login/").json(json!({})).send().await;
    refused(login, 404, "not_found");

    let address = worker.base().trim_start_matches("http://").to_owned();
    app.program.set("BIND", &address);
    app.run(&["healthcheck"]).await.expect(0);
    drop(worker);
    app.run(&["healthcheck"]).await.expect(1);
}

#[tokio::test]
async fn keys_that_others_may_have_read_are_refused() {
    let app = TestApp::start().await;
    let file = app.data_dir().join("secrets.json");
    let create = async |mode: u32, email: &str| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let words = ["users", "create", "--email", email, "--role", "STAFF", "--password-stdin"];
        app.program.run_with("a lamp in every window", &words).await
    };

    for mode in [0o644, 0o604, 0o660, 0o602] {
        let answer = create(mode, "a@example.com").await.expect(1);
        assert!(answer.stderr.contains("SECRETS_FILE") && answer.stderr.contains("chmod 600"));
        app.run(&["keys", "rotate"]).await.expect(1);
        app.run(&["worker"]).await.expect(1);
    }
    create(0o640, "a@example.com").await.expect(0);
    create(0o400, "b@example.com").await.expect(0);
}
