//! Files that were good before chance changed them. Each ends as a video or with a reason, in bounds.

use std::time::Duration;

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use workers::video::media::{Failure, Limits, finalize};

use crate::bench::{Bench, FAST, H264};

/// How many, unless `FUZZ_VIDEOS` says otherwise.
const FEW: u64 = 150;
const AT_ONCE: usize = 2;
const PREFIX: &str = "mutated-video-";

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Small films of every container, some copied and some converted.
fn films(bench: &Bench) -> Vec<Vec<u8>> {
    let pattern = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=10:duration=1"];
    let tone = ["-f", "lavfi", "-i", "sine=duration=1"];
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"];
    let films: [(&str, &[&[&str]]); 6] = [
        ("fast.mp4", &[H264, FAST]),
        ("fragmented.mp4", &[H264, &["-movflags", "frag_keyframe+empty_moov"]]),
        ("slow.mov", &[&["-c:v", "mjpeg", "-c:a", "pcm_s16le"]]),
        ("good.webm", &[&vp8]),
        ("old.avi", &[&["-c:v", "mpeg4", "-c:a", "mp3"]]),
        ("stream.ts", &[H264]),
    ];
    let made = films.map(|(name, options)| {
        let path = bench.ffmpeg(name, &[&[&pattern[..], &tone[..]], options].concat());
        std::fs::read(path).expect("readable")
    });
    made.into()
}

/// One of the ways in which files go wrong or are made to.
fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let length = bytes.len();
    // Half of all changes hit what is read first: the index.
    let within = if random.random_bool(0.5) { length.min(2048) } else { length };
    let at = random.random_range(0..within);
    match random.random_range(0..8) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => {
            let extreme = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, random.random()];
            let value = extreme[random.random_range(0..extreme.len())].to_be_bytes();
            let end = (at + 4).min(length);
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        3 => bytes.truncate(at.max(1)),
        4 => {
            let end = (at + random.random_range(1..200)).min(length);
            bytes.drain(at..end);
        }
        5 => {
            let end = (at + random.random_range(1..200)).min(length);
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        6 => {
            let end = (at + random.random_range(1..64)).min(length);
            bytes[at..end].fill(random.random());
        }
        _ => {
            let other = random.random_range(0..length);
            bytes.swap(at, other);
        }
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// Tools at work on one of these files.
fn left_running() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("processes");
    processes
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
        .filter(|command| command.contains(PREFIX))
        .collect()
}

async fn outcome(seed: u64, films: &[Vec<u8>], limits: &Limits) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bytes = films[random.random_range(0..films.len())].clone();
    for _ in 0..random.random_range(1..=8) {
        mutate(&mut bytes, &mut random);
    }
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().expect("a folder");
    let input = folder.path().join("original");
    std::fs::write(&input, bytes).expect("written");
    match finalize(&input, folder.path(), limits, |_| ()).await {
        Ok(_) => true,
        Err(Failure::Rejected(rejection)) => {
            let reason = rejection.to_string();
            assert!(reason.ends_with('.') && !reason.contains("ffmpeg"), "seed {seed}: {reason}");
            false
        }
        Err(Failure::Tool(error)) => panic!("seed {seed} would be tried again: {error}"),
    }
}

#[tokio::test]
async fn whatever_a_file_became_it_is_finished_or_refused() {
    let bench = Bench::new();
    let films = films(&bench);
    let limits = Limits {
        max_pixels: 1920 * 1080,
        timeout: Duration::from_secs(20),
        transcode_timeout: Duration::from_secs(20),
        memory_bytes: 1 << 30,
        max_output_bytes: 64 << 20,
        ..Limits::default()
    };
    let (first, count) = (variable("FUZZ_SEED", 1), variable("FUZZ_VIDEOS", FEW));

    let outcomes = futures::stream::iter(first..first + count)
        .map(|seed| outcome(seed, &films, &limits))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;

    let finished = outcomes.iter().filter(|finished| **finished).count();
    println!("{count} changed files: {finished} finished, {} refused", outcomes.len() - finished);
    assert!(finished > 0 && finished < outcomes.len());
    assert_eq!(left_running(), Vec::<String>::new());
}
