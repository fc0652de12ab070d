//! Figures for Prometheus, each with its `# HELP`.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use pool::PgPool;

use crate::error::Error;

/// Seconds.
const LATENCIES: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Commands in one transaction.
const BATCHES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const UPKEEP: Duration = Duration::from_secs(5);

const COUNTERS: [(&str, &str); 13] = [
    ("vetted_append_conflicts_total", "Lost races, tried again"),
    ("vetted_http_connections_closed_total", "Connections that the program closed, by reason"),
    ("vetted_http_overloads_total", "Requests that found no place, by class"),
    ("vetted_http_requests_total", "Requests by method, route and status"),
    ("vetted_http_throttled_total", "Answers with 429 by RATE_LIMITS, by class"),
    ("vetted_live_resyncs_total", "Streams that had to be told that events are missing"),
    ("vetted_password_checks_total", "Passwords checked, by outcome"),
    ("vetted_relay_published_total", "Events published to NATS"),
    ("vetted_relay_stream_losses_total", "Times the stream in NATS vanished or went back"),
    ("vetted_second_factor_checks_total", "Codes of second factors checked, by outcome"),
    ("vetted_sweeper_removed_files_total", "Files removed, by kind"),
    ("vetted_worker_events_total", "Events handled, failed or dead, by subscriber"),
    ("vetted_worker_halts_total", "Tasks that stopped for an operator"),
];

const GAUGES: [(&str, &str); 8] = [
    ("vetted_build_info", "Always 1; the label names the version"),
    ("vetted_clock_ahead_seconds", "How far this machine's clock is ahead of the database's"),
    ("vetted_database_connections", "Connections to the database of those who answer, by state"),
    ("vetted_database_connections_limit", "The most of them"),
    ("vetted_dead_letters", "Events that workers gave up on and that nobody has retried"),
    ("vetted_http_connections", "Open connections"),
    ("vetted_live_streams", "Open streams"),
    ("vetted_relay_lag_events", "Events not yet published"),
];

const HISTOGRAMS: [(&str, &str); 2] = [
    ("vetted_append_batch_commands", "Commands in one transaction"),
    ("vetted_http_request_duration_seconds", "How long requests took, by method and route"),
];

/// What writes the figures as text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts counting, once per process.
pub fn install(pool: PgPool) -> Result<Render, Error> {
    let handle = recorder()
        .map_err(|error| Error::Usage(format!("metrics cannot be collected: {error}")))?;
    describe();
    let process = Collector::default();
    process.describe();
    gauge!("vetted_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    let upkept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkept.run_upkeep();
        }
    });
    Ok(Arc::new(move || {
        process.collect();
        tell_connections(&pool);
        handle.render()
    }))
}

fn recorder() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let batches = Matcher::Full("vetted_append_batch_commands".to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCIES)?
        .set_buckets_for_metric(batches, &BATCHES)?
        .install_recorder()
}

fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
    }
    for (name, help) in GAUGES {
        describe_gauge!(name, help);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(name, help);
    }
}

fn tell_connections(pool: &PgPool) {
    let used = pool.connections();
    gauge!("vetted_database_connections", "state" => "busy").set(used.busy);
    gauge!("vetted_database_connections", "state" => "idle").set(used.idle);
    gauge!("vetted_database_connections_limit").set(used.most);
}
