//! Requests that are too many are told so before anything is done for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::Role;
use tokio::time::timeout;

use crate::refusal::refused;
use crate::support::{Answer, Call, Person, Proxy, TestApp, TestDatabase, eventually};

/// More than the 256 reads that may be under way for long.
const CROWD: usize = 450;
const ORIGIN: &str = "https://shop.example";

/// Reads that go on until they are told to stop.
fn crowd(app: &Arc<TestApp>, reader: &Person, stop: &Arc<AtomicBool>) {
    for _ in 0..CROWD {
        let (app, reader, stop) = (Arc::clone(app), reader.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                app.get("/products/").by(&reader).send().await;
            }
        });
    }
}

/// The first answer that says that there is too much; what got in before is not waited for.
async fn overloaded(call: impl Fn() -> Call) -> Answer {
    let answer = eventually("a read is refused for overload", async || {
        let answer = timeout(Duration::from_secs(1), call().send()).await.ok()?;
        (answer.status == 503 && answer.code() == "overloaded").then_some(answer)
    })
    .await;
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    refused(answer, 503, "overloaded")
}

#[tokio::test]
async fn reads_that_are_too_many_are_refused_in_the_form_of_every_error() {
    let database = TestDatabase::create().await;
    let (proxy, url) = Proxy::before_database(&database.serving_url).await;
    let settings = [("DATABASE_URL", url.as_str()), ("CORS_ALLOWED_ORIGINS", ORIGIN)];
    let app = Arc::new(TestApp::start_on(database, &[], &settings).await);
    let reader = app.user(Role::EndUser).await;
    let stop = Arc::new(AtomicBool::new(false));

    proxy.freeze();
    crowd(&app, &reader, &stop);

    let read = || app.get("/products/").by(&reader).header("x-request-id", "one-too-many");
    let plain = overloaded(read).await;
    assert_eq!(plain.header("x-request-id"), "one-too-many");
    assert_eq!(plain.json["instance"], "/products/");
    assert_eq!(plain.header("cache-control"), "no-store");
    let of_a_page = overloaded(|| read().header("origin", ORIGIN)).await;
    assert_eq!(of_a_page.header("access-control-allow-origin"), ORIGIN);
    app.get("/healthz").send().await.expect(200);
    let metrics = app.get("/metrics").send().await.expect(200);
    let text = String::from_utf8_lossy(&metrics.bytes).into_owned();
    assert!(text.contains("vetted_http_overloads_total{class=\"reads\"}"), "{text}");

    proxy.open();
    stop.store(true, Ordering::Relaxed);
    eventually("reads are answered again", async || {
        (app.get("/products/").by(&reader).send().await.status == 200).then_some(())
    })
    .await;
}
