//! Traces, as a collector of OpenTelemetry's gets them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use domain::Role;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use crate::support::{TestApp, eventually};

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Collects for as long as the test runs.
    async fn serve() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let traces = Router::new().route("/v1/traces", post(collect)).with_state(collector.clone());
        tokio::spawn(async { axum::serve(listener, traces).await });
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

async fn collect(State(collector): State<Collector>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    collector.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

/// Its attributes, as text.
fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |attribute: &_| format!("{attribute:?}");
    span.attributes.iter().map(|one| (one.key.clone(), text(&one.value))).collect()
}

/// The names of a span and of those that it is in, innermost first.
fn path(spans: &[Span], of: &Span) -> Vec<String> {
    let mut path = vec![of.name.clone()];
    let mut parent = &of.parent_span_id;
    while let Some(span) = spans.iter().find(|span| span.span_id == *parent) {
        path.push(span.name.clone());
        parent = &span.parent_span_id;
    }
    path
}

#[tokio::test]
async fn a_command_can_be_followed_from_its_request_to_the_worker() {
    let (collector, address) = Collector::serve().await;
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let app = TestApp::start_with(&settings).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;

    let approve = app.post(&format!("/products/{product}/approve/")).by(&staff);
    approve
        .header("x-request-id", "to-be-followed")
        .json(serde_json::json!({}))
        .send()
        .await
        .expect(200);

    let has = |span: &Span, name: &str, value: &str| {
        attributes(span).get(name).is_some_and(|text| text.contains(value))
    };
    let (request, mail) = eventually("request and mail are traced", async || {
        let of_it = |span: &&Span| has(span, "request_id", "to-be-followed");
        let spans = collector.spans();
        let request = spans.iter().filter(of_it).find(|span| span.name != "try")?.clone();
        let mail = spans.iter().filter(of_it).find(|span| span.name == "try")?.clone();
        Some((request, mail))
    })
    .await;
    assert!(has(&request, "http.response.status_code", "200"), "{request:?}");
    assert!(has(&mail, "subscriber", "mailer") && has(&mail, "event", "ProductApproved"));
    let spans = collector.spans();
    let paths: Vec<_> = spans
        .iter()
        .filter(|span| span.trace_id == request.trace_id)
        .map(|span| path(&spans, span).join(" < "))
        .collect();
    for step in ["decide", "append"] {
        let path = format!("{step} < command < POST /products/{{id}}/approve/ < request");
        assert!(paths.contains(&path), "{path} is not in {paths:#?}");
    }
    let within_batches = |step: &str| spans.iter().any(|one| path(&spans, one) == [step, "batch"]);
    assert!(within_batches("fold") && within_batches("query"));
}

#[tokio::test]
async fn traces_tell_of_nobody_and_a_collector_that_is_away_disturbs_nobody() {
    let (collector, address) = Collector::serve().await;
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let app = TestApp::start_with(&settings).await;
    let person = app.user(Role::EndUser).await;
    app.get("/me/").by(&person).send().await.expect(200);
    eventually("it is traced", async || {
        collector.spans().iter().any(|span| span.name == "GET /me/").then_some(())
    })
    .await;

    let spans = format!("{:?}", collector.spans());

    for secret in [&person.email, &person.password, &person.access, &person.refresh] {
        assert!(!spans.contains(secret.as_str()), "{secret} was sent");
    }
    let away = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let app = TestApp::start_with(&away).await;
    app.get("/healthz").send().await.expect(200);
    app.finish().await;
}
