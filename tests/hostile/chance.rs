//! Chance that can be repeated: each request has its own.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What decides on one request.
pub struct Chance {
    random: StdRng,
    /// Of a hundred values, so many are hostile.
    hostility: usize,
}

impl Chance {
    /// Some requests are hostile everywhere, most in one place or two, so that they come far.
    pub fn of(seed: u64, role: u64, index: u64) -> Self {
        let mixed = seed ^ role.rotate_left(48) ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = StdRng::seed_from_u64(mixed);
        let hostility = [0, 3, 10, 10, 30, 60, 100][random.random_range(0..7)];
        Self { random, hostility }
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    /// Whether the value at hand is to be hostile.
    pub fn is_hostile(&mut self) -> bool {
        self.below(100) < self.hostility
    }

    /// The same of something besides the values, of which a request has many.
    pub fn is_odd(&mut self) -> bool {
        self.is_hostile() && self.one_in(4)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn any_u64(&mut self) -> u64 {
        self.random.random()
    }

    /// Any Unicode scalar value, assigned or not.
    pub fn any_char(&mut self) -> char {
        loop {
            let code = self.random.random_range(0..=0x0010_ffff_u32);
            if let Some(character) = char::from_u32(code) {
                return character;
            }
        }
    }
}
