//! How many letters go to one domain at a time: a domain whose server is slow must not take the
//! conversations that letters to others need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A letter takes longer where a server is slow.
const SLOW: Duration = Duration::from_secs(2);
/// How long a domain is remembered as slow.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Letters at a time to a domain that is slow, and to one that is not.
const OF_SLOW: usize = 2;
const OF_ANY: usize = 4;
/// Domains that are remembered; beyond that those are forgotten to which nothing is under way.
const MOST: usize = 10_000;

/// What is under way, by domain. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Domains(Arc<Mutex<HashMap<String, Domain>>>);

#[derive(Default)]
struct Domain {
    underway: usize,
    /// Until when it counts as slow.
    slow: Option<Instant>,
}

/// A letter on its way.
pub(super) struct Underway {
    domains: Domains,
    name: String,
    since: Instant,
}

impl Domains {
    /// A place for a letter to that address; `None` where its domain has enough under way.
    pub(super) fn enter(&self, address: &str) -> Option<Underway> {
        let name = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let mut domains = self.lock();
        if domains.len() >= MOST {
            domains.retain(|_, domain| domain.underway > 0);
        }
        let domain = domains.entry(name.clone()).or_default();
        let is_slow = domain.slow.is_some_and(|until| Instant::now() < until);
        if domain.underway >= if is_slow { OF_SLOW } else { OF_ANY } {
            return None;
        }
        domain.underway += 1;
        Some(Underway { domains: self.clone(), name, since: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Domain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut domains = self.domains.lock();
        let Some(domain) = domains.get_mut(&self.name) else { return };
        domain.underway -= 1;
        if self.since.elapsed() > SLOW {
            domain.slow = Some(Instant::now() + REMEMBERED);
        } else if domain.underway == 0 && domain.slow.is_none_or(|until| until < Instant::now()) {
            domains.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_domain_has_fewer_letters_under_way_until_it_is_forgotten() {
        let domains = Domains::default();
        let enter = || domains.enter("ada@Slow.example");
        let first: Vec<_> = (0..OF_ANY).map(|_| enter().expect("a place")).collect();
        assert!(enter().is_none());
        assert!(domains.enter("bob@other.example").is_some());

        tokio::time::advance(SLOW * 2).await;
        drop(first);

        let second: Vec<_> = (0..OF_SLOW).map(|_| enter().expect("a place")).collect();
        assert!(enter().is_none());
        tokio::time::advance(REMEMBERED).await;
        assert!(enter().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn a_domain_that_is_quick_is_not_remembered() {
        let domains = Domains::default();
        drop(domains.enter("ada@example.com"));
        assert!(domains.lock().is_empty());
    }
}
