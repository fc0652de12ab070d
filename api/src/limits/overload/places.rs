//! How many requests of a class may be under way at once: bursts pass, a standing queue does not.
//!
//! What a server can't do in time only waits longer the more of it waits (Nichols and Jacobson,
//! "Controlling Queue Delay"). So a queue may be long for a moment, and once it has stood for longer
//! than that, everything beyond what the server works on is refused until it has emptied.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a burst may take to be worked off.
const BURST: Duration = Duration::from_millis(100);
/// No time.
const NONE: u64 = u64::MAX;

/// The places of a class.
#[derive(Debug)]
pub(super) struct Places {
    began: Instant,
    taken: AtomicUsize,
    /// Since when more have been taken than may be for long, in milliseconds.
    crowded_since: AtomicU64,
    standing: usize,
    most: usize,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    /// `standing` places for as long as anybody wants them, and `most` for the length of a burst.
    pub(super) fn new(standing: usize, most: usize) -> Arc<Self> {
        let (taken, crowded_since) = (AtomicUsize::new(0), AtomicU64::new(NONE));
        Arc::new(Self { began: Instant::now(), taken, crowded_since, standing, most })
    }

    /// Whether a request would find none. Costs next to nothing.
    pub(super) fn are_full(&self) -> bool {
        self.refuses(self.taken.load(Relaxed))
    }

    /// A place, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let before = self.taken.fetch_add(1, Relaxed);
        if before >= self.standing {
            let now = self.now();
            let _earlier = self.crowded_since.compare_exchange(NONE, now, Relaxed, Relaxed);
        }
        if self.refuses(before) {
            self.taken.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Place(Arc::clone(self)))
    }

    fn refuses(&self, taken: usize) -> bool {
        taken >= self.most || (taken >= self.standing && self.is_crowded_for(BURST))
    }

    fn is_crowded_for(&self, time: Duration) -> bool {
        let since = self.crowded_since.load(Relaxed);
        since != NONE && u128::from(self.now().saturating_sub(since)) > time.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NONE)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left = self.0.taken.fetch_sub(1, Relaxed) - 1;
        if left < self.0.standing / 2 {
            self.0.crowded_since.store(NONE, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd_since(places: &Places, ago: Duration) {
        let since = places.now().saturating_sub(u64::try_from(ago.as_millis()).unwrap());
        places.crowded_since.store(since, Relaxed);
    }

    fn old(standing: usize, most: usize) -> Arc<Places> {
        let mut places = Places::new(standing, most);
        Arc::get_mut(&mut places).unwrap().began -= Duration::from_mins(1);
        places
    }

    #[test]
    fn a_burst_has_more_places_than_a_standing_queue() {
        let places = old(2, 4);

        let burst: Vec<_> = std::iter::from_fn(|| places.take()).collect();
        assert_eq!(burst.len(), 4);
        assert!(places.are_full());

        drop(burst.into_iter().skip(1).collect::<Vec<_>>());
        let _one_left = places.take().unwrap();
    }

    #[test]
    fn a_queue_that_has_stood_for_long_gets_no_longer_until_it_has_emptied() {
        let places = old(4, 100);
        let mut taken: Vec<_> = (0..6).map(|_| places.take().unwrap()).collect();
        crowd_since(&places, 2 * BURST);

        assert!(places.are_full());
        assert!(places.take().is_none(), "it stands");

        taken.truncate(3);
        taken.push(places.take().unwrap());
        assert!(places.take().is_none(), "four are what may stand");

        taken.truncate(1);
        let burst: Vec<_> = (0..20).map_while(|_| places.take()).collect();
        assert_eq!(burst.len(), 20, "it had emptied");
    }
}
