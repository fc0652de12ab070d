//! Clients at work while parts fail in an order that a seed gives, and what must hold afterwards:
//!
//! 1. Everything that was answered `201` is there exactly once, under the id of the answer.
//! 2. What got no answer is there once or not at all.
//! 3. Positions and every stream's sequences have no gap.
//! 4. The read models are what a fresh fold of the log makes.
//! 5. The relay, the workers and every mail come to an end, each mail under one Message-ID and each video once;
//!    only mails that the mail server refused for good are given up.
//! 6. No transaction is left open, no lease is stuck, no object is left that nothing refers to, and no process.
//! 7. No answer is 5xx but 503 with `Retry-After`.
//!
//! `FAULT_SEED`, `FAULT_STEPS` and `FAULT_MINUTES` choose another schedule: `make test-faults SEED=7 STEPS=200`.
//! The schedule is the seed's; how far the clients are at each step is not.

mod broker;
pub mod checks;
pub mod clients;
mod database;
mod fault;
mod figures;
mod leftovers;
mod mail;
mod processes;
mod storage;
mod world;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use clients::{Client, History};
use fault::Deck;
use figures::{Cycle, Figures};
use world::World;

use crate::support::video;

const CLIENTS: u64 = 6;
/// After as many steps everything is checked.
const ROUND: u64 = 40;
/// How long something fails at most, and once in a while: longer than the program's own patience with most parts.
const LONGEST: (u64, u64) = (2_000, 9_000);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

async fn pause(random: &mut StdRng, longest: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(100..longest))).await;
}

/// When it is enough.
#[derive(Clone, Copy)]
enum End {
    Steps(u64),
    At(Instant),
}

impl End {
    /// `FAULT_MINUTES` where it is given, else `FAULT_STEPS`.
    fn given() -> Self {
        let minutes = number("FAULT_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
        let at = minutes.map(|minutes| Self::At(Instant::now() + minutes));
        at.unwrap_or_else(|| Self::Steps(number("FAULT_STEPS").unwrap_or(6)))
    }

    fn is_after(self, step: u64) -> bool {
        match self {
            Self::Steps(steps) => step < steps,
            Self::At(end) => Instant::now() < end,
        }
    }
}

/// A schedule under way.
struct Run {
    seed: u64,
    step: u64,
    random: StdRng,
    deck: Deck,
    figures: Figures,
    history: History,
}

impl Run {
    /// Clients work while steps follow one another; then everything is checked that was ever answered.
    async fn round(&mut self, world: &mut World, end: End) {
        let (first, clients) = (self.step, self.clients(world));
        while self.step < first + ROUND && end.is_after(self.step) {
            self.step += 1;
            self.fail_and_heal(world).await;
        }
        world.stop();
        for history in clients.join_all().await {
            self.history.extend(history);
        }
        checks::all(world, &self.history).await;
        eprintln!("after step {}: everything holds", self.step);
    }

    fn clients(&self, world: &World) -> JoinSet<History> {
        let mut clients = JoinSet::new();
        world.go_on();
        let client = |number| Client::new(&world.shared, self.seed, self.step * 100 + number);
        for number in 0..CLIENTS {
            clients.spawn(client(number).work());
        }
        clients.spawn(client(CLIENTS).film(video::mp4()));
        clients
    }

    /// One or two faults at a time, each for a while.
    async fn fail_and_heal(&mut self, world: &mut World) {
        pause(&mut self.random, 800).await;
        let faults = self.deck.draw(&mut self.random);
        let is_long = self.random.random_range(0..6) == 0;
        let before = world.shared.counts.read();
        let start = Instant::now();
        for fault in &faults {
            world.inflict(*fault).await;
        }
        pause(&mut self.random, if is_long { LONGEST.1 } else { LONGEST.0 }).await;
        let failed = start.elapsed();
        let healing = Instant::now();
        world.heal().await;
        let healed = healing.elapsed();
        let (ready, named) = world.is_ready().await;
        let after = world.shared.counts.read();
        let requests = [0, 1, 2].map(|index| after[index] - before[index]);
        let [answered, put_off, unanswered] = requests;
        eprintln!(
            "step {}: {faults:?} for {:.1} s, healed within {:.1} s, ready {:.1} s later {named:?}; {answered} answered, \
             {put_off} put off, {unanswered} without an answer",
            self.step,
            failed.as_secs_f64(),
            healed.as_secs_f64(),
            ready.as_secs_f64(),
        );
        self.figures.add(&faults, Cycle { requests, ready });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, step, .. } = self;
            eprintln!("It failed at step {step} of FAULT_SEED={seed}.");
        }
        eprintln!("{}", self.figures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_nothing_that_was_answered_is_lost_or_there_twice() {
    let (seed, end) = (number("FAULT_SEED").unwrap_or(1), End::given());
    eprintln!("FAULT_SEED={seed}");
    let mut world = World::start().await;
    let deck = Deck::new(world.possible());
    let (random, figures) = (StdRng::seed_from_u64(seed), Figures::default());
    let mut run = Run { seed, step: 0, random, deck, figures, history: History::default() };

    while end.is_after(run.step) {
        run.round(&mut world, end).await;
    }

    world.processes.app.finish().await;
}
