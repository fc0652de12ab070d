//! Figures for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::parts::Error;

/// Seconds.
const LATENCIES: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Commands in one transaction.
const BATCHES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const UPKEEP: Duration = Duration::from_secs(5);

/// What writes the figures as text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts counting, once per process.
pub fn install() -> Result<Render, Error> {
    let unusable = |error| Error::Usage(format!("metrics cannot be collected: {error}"));
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCIES)
        .and_then(|builder| {
            builder
                .set_buckets_for_metric(Matcher::Full("append_batch_commands".to_owned()), &BATCHES)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(unusable)?;
    let upkept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkept.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
