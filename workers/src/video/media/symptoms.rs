//! What a tool's standard error tells us, without keeping or showing all of it.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::rejection::Rejection;

/// Enough for the log; a damaged file can fill gigabytes.
const TAIL: usize = 4096;

/// Said when the machine, or the installed version, is at fault: another try may succeed.
const MACHINE: [&str; 14] = [
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "Permission denied",
    "Too many open files",
    "error while loading shared libraries",
    "Unrecognized option",
    "Unknown encoder",
    "not found for input stream",
    "prlimit: ",
    "unshare: ",
    "setpriv: ",
    "no decoder found",
    "Decoder (codec",
];

/// The end of standard error for the log, and the few messages that decide.
#[derive(Debug, Default)]
pub(super) struct Symptoms {
    tail: VecDeque<u8>,
    machine: bool,
    /// Lines that were said.
    pub(super) complaints: usize,
    /// Matroska ended within an element; ffmpeg says so and succeeds.
    pub(super) premature_end: bool,
    /// What the input made a tool give up for, if it gave up.
    pub(super) fault: Option<Rejection>,
    /// A picture that `-max_pixels` refused: width and height.
    pub(super) oversized: Option<(u32, u32)>,
}

impl Symptoms {
    /// Reads to the end, in bounded memory.
    pub(super) async fn read(stderr: Option<impl AsyncRead + Unpin>) -> Self {
        let mut symptoms = Self::default();
        let Some(mut stderr) = stderr else { return symptoms };
        let mut chunk = vec![0; TAIL];
        let mut unfinished = Vec::new();
        // An unreadable pipe ends the symptoms; the exit status still tells how it went.
        while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
            symptoms.keep(&chunk[..read]);
            unfinished.extend_from_slice(&chunk[..read]);
            let rest = unfinished.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            symptoms.recognise(&String::from_utf8_lossy(&unfinished[..rest]));
            unfinished.drain(..rest);
            unfinished.truncate(TAIL);
        }
        symptoms.recognise(&String::from_utf8_lossy(&unfinished));
        symptoms
    }

    pub(super) fn of_the_machine(&self) -> bool {
        self.machine
    }

    /// The last few kB, for the log alone.
    pub(super) fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend(bytes);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
    }

    fn recognise(&mut self, text: &str) {
        self.complaints += text.lines().filter(|line| !line.trim().is_empty()).count();
        self.machine |= MACHINE.iter().any(|sign| text.contains(sign));
        self.premature_end |= text.contains("File ended prematurely");
        // An allocation that failed under our limit is the input's doing.
        if self.fault.is_none() && text.contains("allocate memory") {
            self.fault = Some(Rejection::TooHeavy);
        }
        if self.oversized.is_none() {
            self.oversized = text.lines().find_map(oversized);
        }
    }
}

/// `… Picture size 15000x15000 exceeds specified max pixel count …`
fn oversized(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once("Picture size ")?;
    let (size, _) = rest.split_once(" exceeds specified max pixel count")?;
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_tail_is_bounded_and_an_early_sign_is_kept() {
        let mut said =
            b"[h264] Picture size 15000x15000 exceeds specified max pixel count 4\n".to_vec();
        said.extend("noise\n".repeat(100_000).bytes());
        said.extend(b"No space left on device");

        let symptoms = Symptoms::read(Some(said.as_slice())).await;

        assert_eq!(symptoms.oversized, Some((15_000, 15_000)));
        assert!(symptoms.of_the_machine());
        assert!(
            symptoms.tail().len() <= TAIL && symptoms.tail().ends_with("No space left on device")
        );
    }
}
