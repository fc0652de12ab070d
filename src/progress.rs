//! The progress of long work: a bar on a terminal, log lines elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::config::LogFormat;
use crate::output;

/// Between two log lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows the progress of one piece of work.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    told: Mutex<Instant>,
}

impl Progress {
    /// Begins; `what` is what the person waits for. A log of JSON objects has no room for a bar.
    pub fn new(format: LogFormat, what: &'static str) -> Self {
        let bar = (output::is_watched() && format == LogFormat::Text).then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
            let bar = ProgressBar::new(0).with_message(what);
            style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
        });
        Self { what, bar, told: Mutex::new(Instant::now()) }
    }

    /// Shows how much is done.
    pub fn at(&self, done: i64, total: i64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(u64::try_from(total).unwrap_or(0));
                bar.set_position(u64::try_from(done).unwrap_or(0));
            }
            None if self.is_due() || done == total => {
                tracing::info!(done, total, "{}", self.what);
            }
            None => {}
        }
    }

    fn is_due(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.elapsed() >= PAUSE;
        if is_due {
            *told = Instant::now();
        }
        is_due
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
