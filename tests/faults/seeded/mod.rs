//! Clients at work while parts fail in an order that a seed gives, and what must hold afterwards:
//!
//! 1. Everything that was answered `201` is there exactly once, under the id of the answer.
//! 2. What got no answer is there once or not at all.
//! 3. Positions and every stream's sequences have no gap.
//! 4. The read models are what a fresh fold of the log makes.
//! 5. The relay, the workers and every mail come to an end, each mail under one Message-ID.
//! 6. No transaction is left open.
//! 7. No answer is 5xx but 503 with `Retry-After`.
//!
//! `FAULT_SEED` and `FAULT_STEPS` choose another schedule: `make test-faults SEED=7 STEPS=200`. The schedule
//! is the seed's; how far the clients are at each step is not.

pub mod checks;
pub mod clients;
mod world;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use clients::{Client, History};
use world::{Fault, World};

const CLIENTS: u64 = 6;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

async fn pause(random: &mut StdRng, longest: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(100..longest))).await;
}

/// One or two faults at a time, each for a while.
async fn fail_and_heal(world: &mut World, random: &mut StdRng, steps: u64) {
    for step in 1..=steps {
        pause(random, 800).await;
        let count = if random.random_range(0..4) == 0 { 2 } else { 1 };
        let faults: Vec<_> = (0..count).map(|_| Fault::random(random)).collect();
        eprintln!("step {step} of {steps}: {faults:?}");
        for fault in &faults {
            world.inflict(*fault).await;
        }
        pause(random, 2_000).await;
        world.heal().await;
    }
}

#[tokio::test]
async fn whatever_fails_nothing_that_was_answered_is_lost_or_there_twice() {
    let (seed, steps) = (number("FAULT_SEED", 1), number("FAULT_STEPS", 6));
    eprintln!("FAULT_SEED={seed} FAULT_STEPS={steps}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::start().await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Client::new(&world.shared, seed, number).work());
    }

    fail_and_heal(&mut world, &mut random, steps).await;

    world.is_ready().await;
    world.stop();
    let histories: Vec<History> = clients.join_all().await;
    checks::all(world, &histories.into_iter().collect()).await;
}
