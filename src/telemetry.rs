//! Log lines, to standard error, and traces, to a collector. Log lines quote what others say: requests, files,
//! tools, servers. So whatever a field holds, an event stays one line, and all of it can be seen.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::panic;

use domain::one_line;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Field;
use tracing::{Level, Metadata};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use url::Url;

use crate::config::{Config, LogFormat};
use crate::output::{self, JsonLog};

/// What of the program's own spans is traced: all of it, and nothing of libraries.
const TRACED: [&str; 7] =
    ["api", "commands", "event_log", "pool", "projections", "vetted", "workers"];

/// Sends what is left of the traces when it is dropped.
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Starts logging and tracing as configured; a second call changes nothing. To be called outside of a runtime:
/// the exporter has a thread of its own.
pub fn init(config: &Config) -> Result<Telemetry, Box<dyn Error>> {
    let traces = config.traces_endpoint.as_ref().map(exporter).transpose()?;
    let layer = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("vetted"))
            .with_filter(filter_fn(is_traced))
    });
    let lines = log_lines(config).with_filter(EnvFilter::new(&config.log_filter));
    // It fails only when a subscriber is there already.
    if tracing_subscriber::registry().with(lines).with(layer).try_init().is_ok() {
        log_panics(config.log_format);
    }
    Ok(Telemetry(traces))
}

fn log_lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_ansi(output::is_watched());
    match config.log_format {
        LogFormat::Text => {
            let lines = lines.with_writer(io::stderr);
            lines.fmt_fields(debug_fn(write_field).delimited(" ")).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_writer(|| JsonLog).boxed(),
    }
}

fn is_traced(metadata: &Metadata<'_>) -> bool {
    let of = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && TRACED.contains(&of)
}

/// Sends traces to a collector, by OTLP over HTTP with Protocol Buffers. The other variables that OpenTelemetry
/// names (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` …) the libraries read themselves.
fn exporter(endpoint: &Url) -> Result<SdkTracerProvider, Box<dyn Error>> {
    let traces = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(traces).build()?;
    let resource = Resource::builder()
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let resource = match std::env::var("OTEL_SERVICE_NAME") {
        Ok(_) => resource,
        Err(_) => resource.with_service_name("vetted"),
    };
    let provider = SdkTracerProvider::builder().with_resource(resource.build());
    Ok(provider.with_batch_exporter(exporter).build())
}

/// Logs panics as events: their messages may quote what others sent.
fn log_panics(format: LogFormat) {
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = message(info.payload());
        if tracing::enabled!(Level::ERROR) {
            tracing::error!(place, "panicked: {message}");
        } else {
            output::failure(format, format_args!("panicked at {place}: {message}"));
        }
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// `name=value`, or the message alone.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => {}
        // What the crate log tells of the event's place, which stands in the line already.
        name if name.starts_with("log.") => return Ok(()),
        name => write!(writer, "{name}=")?,
    }
    write!(OneLine(writer), "{value:?}")
}

/// Writes what can't be seen as an escape.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&one_line(text))
    }
}
