//! One rising number out of seven passes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Twice a second is as often as anybody looks, and each report may become an event.
const INTERVAL: Duration = Duration::from_millis(500);

/// The passes, each with its share of the time that a large file takes (reading and writing dominate).
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Inspect,
    Read,
    Decode,
    Remux,
    Poster,
    Sprite,
    Digest,
}

impl Stage {
    fn range(self, converts: bool) -> (f64, f64) {
        match self {
            Self::Inspect => (0.0, 4.0),
            Self::Read if converts => (4.0, 6.0),
            Self::Read => (4.0, 15.0),
            Self::Decode if converts => (6.0, 15.0),
            Self::Decode => (15.0, 60.0),
            Self::Remux if converts => (15.0, 92.0),
            Self::Remux => (60.0, 75.0),
            Self::Poster if converts => (92.0, 94.0),
            Self::Poster => (75.0, 80.0),
            Self::Sprite if converts => (94.0, 96.0),
            Self::Sprite => (80.0, 85.0),
            Self::Digest if converts => (96.0, 99.0),
            Self::Digest => (85.0, 99.0),
        }
    }
}

/// Reports through the caller's function, never falling and not too often.
pub(super) struct FinishingProgress<'a> {
    callback: &'a (dyn Fn(u8) + Send + Sync),
    last: Mutex<Option<(u8, Instant)>>,
    converts: AtomicBool,
}

impl<'a> FinishingProgress<'a> {
    pub(super) fn new(callback: &'a (dyn Fn(u8) + Send + Sync)) -> Self {
        Self { callback, last: Mutex::new(None), converts: AtomicBool::new(false) }
    }

    /// Most of the time will go to a conversion.
    pub(super) fn will_convert(&self) {
        self.converts.store(true, Ordering::Relaxed);
    }

    /// `fraction` of the stage is done; anything outside 0–1 is taken as the nearer end.
    pub(super) fn report(&self, stage: Stage, fraction: f64) {
        let (from, to) = stage.range(self.converts.load(Ordering::Relaxed));
        self.report_at(percent(from + (to - from) * fraction.clamp(0.0, 1.0)), Instant::now());
    }

    /// `done` of `total`, where a total of nothing counts as nothing done.
    pub(super) fn report_time(&self, stage: Stage, done: Duration, total: Duration) {
        if !total.is_zero() {
            self.report(stage, done.as_secs_f64() / total.as_secs_f64());
        }
    }

    /// 100, which is always told.
    pub(super) fn finish(&self) {
        (self.callback)(100);
    }

    fn report_at(&self, percent: u8, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due =
            last.is_none_or(|(told, at)| percent > told && now.duration_since(at) >= INTERVAL);
        if due {
            *last = Some((percent, now));
            (self.callback)(percent);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0–100, and never NaN"
)]
fn percent(value: f64) -> u8 {
    value.clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_rise_and_keep_their_distance() {
        let told = Mutex::new(Vec::new());
        let callback = |percent| told.lock().expect("unpoisoned").push(percent);
        let progress = FinishingProgress::new(&callback);
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);

        for (percent, milliseconds) in
            [(0, 0), (10, 499), (11, 500), (9, 1100), (12, 1101), (50, 1600), (50, 2200)]
        {
            progress.report_at(percent, at(milliseconds));
        }
        progress.finish();

        assert_eq!(*told.lock().expect("unpoisoned"), [0, 11, 12, 50, 100]);
    }
}
