//! How many letters go to one domain at a time: a domain whose server is slow must not take the
//! conversations that letters to others need.

use std::collections::{BTreeSet, HashMap};
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

/// One of the letters that a domain takes at a time, until it is dropped.
pub(crate) struct Slot {
    domains: Domains,
    name: String,
}

impl Domains {
    /// A slot at the domain of each of these addresses, one where several are of one domain; `None`
    /// where one of them has enough under way.
    pub(super) fn enter<'a>(&self, addresses: impl Iterator<Item = &'a str>) -> Option<Vec<Slot>> {
        let names: BTreeSet<_> = addresses.map(domain_of).collect();
        names.into_iter().map(|name| self.slot(name)).collect()
    }

    fn slot(&self, name: String) -> Option<Slot> {
        let mut domains = self.lock();
        if domains.len() >= MOST {
            domains.retain(|_, domain| domain.underway > 0);
        }
        let domain = domains.entry(name.clone()).or_default();
        if domain.underway >= if domain.is_slow() { OF_SLOW } else { OF_ANY } {
            return None;
        }
        domain.underway += 1;
        drop(domains);
        Some(Slot { domains: self.clone(), name })
    }

    /// How long a letter to that address took.
    pub(super) fn note(&self, address: &str, took: Duration) {
        if took > SLOW
            && let Some(domain) = self.lock().get_mut(&domain_of(address))
        {
            domain.slow = Some(Instant::now() + REMEMBERED);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Domain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Domain {
    fn is_slow(&self) -> bool {
        self.slow.is_some_and(|until| Instant::now() < until)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut domains = self.domains.lock();
        let Some(domain) = domains.get_mut(&self.name) else { return };
        domain.underway -= 1;
        if domain.underway == 0 && !domain.is_slow() {
            domains.remove(&self.name);
        }
    }
}

fn domain_of(address: &str) -> String {
    address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(domains: &Domains, addresses: &[&str]) -> Option<Vec<Slot>> {
        domains.enter(addresses.iter().copied())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_domain_has_fewer_letters_under_way_until_it_is_forgotten() {
        let domains = Domains::default();
        let slow = || enter(&domains, &["ada@Slow.example"]);
        let first: Vec<_> = (0..OF_ANY).map(|_| slow().expect("a slot")).collect();
        assert!(slow().is_none());
        assert!(enter(&domains, &["bob@other.example"]).is_some());

        domains.note("ada@slow.example", SLOW * 2);
        drop(first);

        let second: Vec<_> = (0..OF_SLOW).map(|_| slow().expect("a slot")).collect();
        assert!(slow().is_none());
        tokio::time::advance(REMEMBERED).await;
        assert!(slow().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn letters_that_go_together_have_all_their_places_or_none() {
        let domains = Domains::default();
        let both = || enter(&domains, &["a@one.example", "b@one.example", "c@two.example"]);
        let full: Vec<_> = (0..OF_ANY).map(|_| enter(&domains, &["d@two.example"])).collect();
        assert!(both().is_none());

        drop(full);

        assert!(domains.lock().is_empty(), "the slot at the other domain was given back");
        assert_eq!(both().expect("slots").len(), 2);
        assert!(domains.lock().is_empty(), "what is quick is not remembered");
    }
}
