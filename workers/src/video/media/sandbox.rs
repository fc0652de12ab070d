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

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::limits::Limits;
use super::symptoms::Symptoms;
use confine::Reach;
use confinement::UNSHARE;
pub use confinement::{Confinement, confinement};

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
    /// It ran for longer than [`Limits::timeout`], and was killed.
    #[error("{program} ran out of time")]
    TimedOut {
        /// The program that ran.
        program: String,
    },
    /// The work directory is full, or the file could not be read.
    #[error("reading or writing failed: {0}")]
    Io(#[from] std::io::Error),
}

/// How a tool ended by itself.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) success: bool,
    pub(super) symptoms: Symptoms,
}

/// Runs ffprobe on `input`; its standard output comes line by line.
pub(super) async fn ffprobe(
    input: &Path,
    options: &[&str],
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Outcome, ToolError> {
    let mut arguments: Vec<OsString> = ["-hide_banner", "-v", "error"].map(OsString::from).into();
    arguments.extend(options.iter().map(OsString::from));
    arguments.extend(reading(input, limits));
    let reach = Reach { input: Some(input.to_owned()), output: None };
    run("ffprobe", &arguments, reach, limits, on_line).await
}

/// Runs ffmpeg on `input`, with progress reports as lines; without an `output`, what it makes is dropped.
pub(super) async fn ffmpeg(
    before_input: &[&str],
    input: &Path,
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
        input: Some(input.to_owned()),
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
fn reading(input: &Path, limits: &Limits) -> Vec<OsString> {
    let max_pixels = limits.max_pixels.min(i32::MAX as u64).to_string();
    let mut arguments: Vec<OsString> = [
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        "mov,matroska",
        "-threads",
        "1",
        "-max_pixels",
    ]
    .map(OsString::from)
    .into();
    arguments.extend([max_pixels.into(), "-i".into(), file_url(input)]);
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
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let (said, symptoms, status) =
            tokio::join!(lines(stdout, on_line), Symptoms::read(stderr), child.wait());
        said.and(status).map(|status| (status, symptoms))
    };
    let Ok(ended) = tokio::time::timeout(limits.timeout, ended).await else {
        group.kill();
        child.wait().await?;
        tracing::warn!(program, timeout = ?limits.timeout, "a media tool ran out of time and was killed");
        return Err(ToolError::TimedOut { program: program.to_owned() });
    };
    let (status, symptoms) = ended?;
    group.forget();
    judge(program, status, symptoms)
}

fn judge(program: &str, status: ExitStatus, symptoms: Symptoms) -> Result<Outcome, ToolError> {
    use std::os::unix::process::ExitStatusExt;

    if !status.success() {
        tracing::warn!(program, %status, stderr = %symptoms.tail(), "a media tool failed");
    }
    if let Some(signal) = status.signal() {
        return Err(ToolError::Killed { program: program.to_owned(), signal });
    }
    // 126 and 127 are those of prlimit, unshare and setpriv for a program that they can't start.
    if matches!(status.code(), Some(126 | 127)) || (!status.success() && symptoms.of_the_machine())
    {
        return Err(unusable(program, &symptoms.tail()));
    }
    Ok(Outcome { success: status.success(), symptoms })
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
    let seconds = limits.timeout.as_secs().saturating_mul(2).saturating_add(5);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--as={}", limits.memory_bytes))
        .arg(format!("--cpu={seconds}"))
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
