//! Feeds a parser what nobody should send: good inputs, changed at random. Shared by the crates
//! that have parsers; `make fuzz` has them fed more.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Bytes that each parser is fed unless FUZZ_BYTES says otherwise.
const USUAL: usize = 200_000;
/// What parsers look out for.
const TOKENS: [&[u8]; 12] = [
    b"\0",
    b"\"",
    b"{",
    b"[[[[",
    b"..",
    b"=",
    b"\r\n",
    b"\r\n--b",
    b"-1",
    b"1e400",
    b"\xff\xfe",
    b"AAAA",
];

/// Feeds `parse` until it has had enough bytes, and tells how many. FUZZ_SEED repeats a run.
pub fn feed(what: &str, good: &[Vec<u8>], mut parse: impl FnMut(&[u8])) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seed = number("FUZZ_SEED").unwrap_or_else(rand::random);
    let enough = number("FUZZ_BYTES").map_or(USUAL, |bytes| usize::try_from(bytes).unwrap());
    eprintln!("{what}: FUZZ_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut fed, mut inputs) = (0, 0);
    while fed < enough {
        let mut input = good[random.random_range(0..good.len())].clone();
        for _ in 0..random.random_range(1..=4) {
            change(&mut input, good, &mut random);
        }
        parse(&input);
        fed += input.len();
        inputs += 1;
    }
    eprintln!("{what}: {inputs} inputs, {fed} bytes");
}

fn change(input: &mut Vec<u8>, good: &[Vec<u8>], random: &mut StdRng) {
    let from = random.random_range(0..=input.len());
    let to = (from + random.random_range(0..40)).min(input.len());
    let within = from.min(input.len().saturating_sub(1));
    match random.random_range(0..8) {
        0 if !input.is_empty() => input[within] ^= 1 << random.random_range(0..8),
        1 if !input.is_empty() => input[within] = random.random(),
        2 => drop(input.drain(from..to)),
        3 => {
            let doubled = input[from..to].to_vec();
            input.splice(from..from, doubled);
        }
        4 => drop(input.splice(from..from, TOKENS[random.random_range(0..TOKENS.len())].to_vec())),
        5 => input.truncate(from),
        6 => {
            let other = &good[random.random_range(0..good.len())];
            let tail = &other[random.random_range(0..=other.len())..];
            input.splice(from.., tail.iter().copied());
        }
        _ => {
            let noise: Vec<u8> = (0..random.random_range(0..64)).map(|_| random.random()).collect();
            input.splice(from..to, noise);
        }
    }
}
