//! How long to wait before the next try.

use std::time::Duration;

/// Delays that grow fourfold from `first` to `longest`, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// However many failures there were.
    pub longest: Duration,
}

impl Backoff {
    /// The delay after so many failures (from 1): half to one and a half of the nominal one, so
    /// that what failed together does not come back together.
    pub fn delay(&self, failures: u32) -> Duration {
        self.nominal(failures).mul_f64(rand::random_range(0.5..1.5))
    }

    fn nominal(&self, failures: u32) -> Duration {
        let factor = 4_u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_never_agree_exactly() {
        let backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_hours(1) };

        let nominal: Vec<_> = (1..=6).map(|n| backoff.nominal(n).as_secs()).collect();
        let delays: Vec<_> = (0..20).map(|_| backoff.delay(1)).collect();

        assert_eq!(nominal, [5, 20, 80, 320, 1280, 3600]);
        assert_eq!(backoff.nominal(u32::MAX), Duration::from_hours(1));
        assert!(delays.iter().all(|delay| (2_500..7_500).contains(&delay.as_millis())));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }
}
