//! The one place where ffmpeg and ffprobe are started.
//!
//! They parse hostile bytes, so each run has no network, no environment, no files but its own, little
//! memory, a wall clock, and may open files of two formats only: without that, a playlist named `.mp4`
//! would be followed.

mod confine;
mod confinement;

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::limits::Limits;
use super::rejection::Rejection;
use super::sniff::Family;
use super::symptoms::Symptoms;
use confine::Reach;
use confinement::UNSHARE;
pub use confinement::{Confinement, confinement};

/// A tool waits for a processor and a disk, too; when that takes so many times as long, the machine is at
/// fault.
const WALL: u32 = 3;

/// Longer lines come in pieces, so that no file can fill our memory through a tool's output.
const MAX_LINE: u64 = 64 << 10;

const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a tool could not do its work, through no fault of the input: try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// ffmpeg, ffprobe, prlimit or setpriv is not installed, or too old.
    #[error("{program} can't be run here: {reason}")]
    Unusable {
        /// The program that was to run.
        program: String,
        /// What was said about it.
        reason: String,
    },
    /// A signal ended it, such as the kernel's when memory is short.
    #[error("{program} was killed by signal {signal}")]
    Killed {
        /// The program that ran.
        program: String,
        /// The signal's number.
        signal: i32,
    },
    /// It hung for a multiple of [`Limits::timeout`], and was killed.
    #[error("{program} ran out of time")]
    TimedOut {
        /// The program that ran.
        program: String,
    },
    /// It failed on a video that reads and decodes without a fault, so it is not the video's.
    #[error("{program} failed at {work} though the video is without a fault: {reason}")]
    Failed {
        /// The program that ran.
        program: String,
        /// What it was to do.
        work: String,
        /// What it said last.
        reason: String,
    },
    /// It fails on a film of ours, which is good.
    #[error("the media tools can't finish a film that is known to be good: {0}")]
    Broken(String),
    /// The work directory is full, or the file could not be read.
    #[error("reading or writing failed: {0}")]
    Io(#[from] std::io::Error),
}

/// How a tool ended, by itself or by what its input made it do.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) success: bool,
    pub(super) symptoms: Symptoms,
    signal: Option<Signal>,
}

impl Outcome {
    /// Where a tool stopped at a limit, or crashed, the input asked for it.
    pub(super) fn blame(&self) -> Result<(), Rejection> {
        if let Some((width, height)) = self.symptoms.oversized {
            return Err(Rejection::TooManyPixels { width, height });
        }
        let fault = self.symptoms.fault.clone().or_else(|| match self.signal? {
            Signal::SIGXCPU => Some(Rejection::TooSlow),
            Signal::SIGXFSZ => Some(Rejection::TooLargeResult),
            _ => Some(Rejection::Damaged),
        });
        fault.filter(|_| !self.success).map_or(Ok(()), Err)
    }

    /// Whether it was ended for the processor time that it took.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.signal == Some(Signal::SIGXCPU)
    }

    /// The error for a tool that failed where nothing is wrong with its input.
    pub(super) fn failed(&self, program: &str, work: &str) -> ToolError {
        let reason = self.symptoms.tail();
        let reason = if reason.is_empty() { "it did not say why".to_owned() } else { reason };
        ToolError::Failed { program: program.to_owned(), work: work.to_owned(), reason }
    }
}

/// A file for a tool to read, and the only format that it may be read as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) path: &'a Path,
    pub(super) family: Family,
}

/// Runs ffprobe on `input`; its standard output comes line by line.
pub(super) async fn ffprobe(
    input: Input<'_>,
    options: &[&str],
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Outcome, ToolError> {
    let mut arguments: Vec<OsString> =
        ["-hide_banner", "-v", "repeat+error"].map(OsString::from).into();
    arguments.extend(options.iter().map(OsString::from));
    arguments.extend(reading(input, limits));
    let reach = Reach { input: Some(input.path.to_owned()), output: None };
    run("ffprobe", &arguments, reach, limits, on_line).await
}

/// Runs ffmpeg on `input`, with progress reports as lines; without an `output`, what it makes is dropped.
pub(super) async fn ffmpeg(
    before_input: &[&str],
    input: Input<'_>,
    options: &[&str],
    output: Option<&Path>,
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Outcome, ToolError> {
    const ALWAYS: [&str; 12] = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-y",
        "-v",
        "error",
        "-progress",
        "pipe:1",
        "-stats_period",
        "0.5",
        "-filter_threads",
        "1",
    ];
    let mut arguments: Vec<OsString> = ALWAYS.map(OsString::from).into();
    arguments.extend(before_input.iter().map(OsString::from));
    arguments.extend(reading(input, limits));
    arguments.extend(options.iter().map(OsString::from));
    arguments.push(output.map_or_else(|| "-".into(), file_url));
    let reach = Reach {
        input: Some(input.path.to_owned()),
        output: output.and_then(Path::parent).map(Path::to_owned),
    };
    run("ffmpeg", &arguments, reach, limits, on_line).await
}

/// A path in the form that no protocol or option can be read into.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// One thread decodes: a frame-threaded decoder multiplies memory by its threads.
fn reading(input: Input<'_>, limits: &Limits) -> Vec<OsString> {
    let max_pixels = limits.max_pixels.min(i32::MAX as u64).to_string();
    let mut arguments: Vec<OsString> = [
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        input.family.demuxer(),
        "-threads",
        "1",
        "-max_pixels",
    ]
    .map(OsString::from)
    .into();
    arguments.extend([max_pixels.into(), "-i".into(), file_url(input.path)]);
    arguments
}

/// Runs a program to its end, or to that of its time.
async fn run(
    program: &str,
    arguments: &[OsString],
    reach: Reach,
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Outcome, ToolError> {
    let tool = confine::found(program).ok_or_else(|| unusable(program, &"it is not in PATH"))?;
    let mut command = wrapped(&tool, limits).await;
    command.args(arguments);
    let started = confine::spawn(command, tool, reach).await;
    let (mut child, _leash) = started.map_err(|error| unusable(program, &error))?;
    let mut group = Group::of(&child);
    let started = Instant::now();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let (said, symptoms, status) =
            tokio::join!(lines(stdout, on_line), Symptoms::read(stderr), child.wait());
        said.and(status).map(|status| (status, symptoms))
    };
    let patience = limits.timeout * WALL;
    let Ok(ended) = tokio::time::timeout(patience, ended).await else {
        group.kill();
        child.wait().await?;
        tracing::warn!(program, timeout = ?patience, "a media tool ran out of time and was killed");
        return Err(ToolError::TimedOut { program: program.to_owned() });
    };
    let (status, symptoms) = ended?;
    group.forget();
    let mut outcome = judge(program, status, symptoms)?;
    // ffmpeg has its own way to end by this signal, which it shares with others.
    let shortest = limits.timeout / limits.transcode_threads.max(1);
    if status.code() == Some(255) && started.elapsed() >= shortest {
        outcome.signal = Some(Signal::SIGXCPU);
    }
    Ok(outcome)
}

/// Signals that a tool brings upon itself: by a limit, or by a fault that its input leads to.
const OF_INPUT: [Signal; 7] = [
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGABRT,
    Signal::SIGFPE,
    Signal::SIGILL,
];

fn judge(program: &str, status: ExitStatus, symptoms: Symptoms) -> Result<Outcome, ToolError> {
    use std::os::unix::process::ExitStatusExt;

    if !status.success() {
        tracing::warn!(program, %status, stderr = %symptoms.tail(), "a media tool failed");
    }
    let signal = status.signal().map(Signal::try_from).transpose().ok().flatten();
    if let Some(signal) =
        status.signal().filter(|_| !signal.is_some_and(|it| OF_INPUT.contains(&it)))
    {
        return Err(ToolError::Killed { program: program.to_owned(), signal });
    }
    // 126 and 127 are those of prlimit, unshare and setpriv for a program that they can't start.
    if matches!(status.code(), Some(126 | 127)) || (!status.success() && symptoms.of_the_machine())
    {
        return Err(unusable(program, &symptoms.tail()));
    }
    Ok(Outcome { success: status.success(), symptoms, signal })
}

fn unusable(program: &str, reason: &dyn std::fmt::Display) -> ToolError {
    ToolError::Unusable { program: program.to_owned(), reason: reason.to_string() }
}

async fn lines(
    stdout: Option<impl AsyncRead + Unpin>,
    mut on_line: impl FnMut(&str),
) -> std::io::Result<()> {
    let Some(stdout) = stdout else { return Ok(()) };
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    while (&mut stdout).take(MAX_LINE).read_until(b'\n', &mut line).await? > 0 {
        on_line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        line.clear();
    }
    Ok(())
}

/// `prlimit … [unshare …] setpriv … tool`: each replaces itself by the next, so there is one process.
/// It ends with the thread that starts it, so also with ours when that is killed.
async fn wrapped(tool: &Path, limits: &Limits) -> Command {
    // At the first it gets a signal that tells, at the second one that ends it whatever it does.
    let seconds = limits.timeout.as_secs().max(1);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--as={}", limits.memory_bytes))
        .arg(format!("--cpu={seconds}:{}", seconds.saturating_add(5)))
        .arg(format!("--fsize={}", limits.max_output_bytes))
        .args(["--nofile=64", "--core=0"]);
    if confinement().await.namespaces {
        command.args(UNSHARE);
    }
    command
        .args(["setpriv", "--pdeathsig=KILL", "--"])
        .arg(tool)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The process group of a running tool; dropped while it runs, as by a cancelled task, it kills.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // An error means that the group has gone by itself.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// It has ended and been reaped: its number may soon be somebody else's.
    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests;
