//! The one place where ffmpeg and ffprobe are started.
//!
//! They parse hostile bytes, so each run has no network, no environment, little memory, a wall clock,
//! and may open files of two formats only: without that, a playlist named `.mp4` would be followed.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::limits::Limits;
use super::symptoms::Symptoms;

/// Longer lines come in pieces, so that no file can fill our memory through a tool's output.
const MAX_LINE: u64 = 64 << 10;

/// Why a tool could not do its work, through no fault of the input: try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// ffmpeg, ffprobe or prlimit is not installed, or too old.
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
    run("ffprobe", &arguments, limits, on_line).await
}

/// Runs ffmpeg on `input`, with progress reports as lines; `output` is the last argument.
pub(super) async fn ffmpeg(
    before_input: &[&str],
    input: &Path,
    options: &[&str],
    output: &OsStr,
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
    arguments.push(output.to_owned());
    run("ffmpeg", &arguments, limits, on_line).await
}

/// A path in the form that no protocol or option can be read into.
pub(super) fn file_url(path: &Path) -> OsString {
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
pub(super) async fn run(
    program: &str,
    arguments: &[OsString],
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Outcome, ToolError> {
    let mut child = confined(program, limits)
        .await
        .args(arguments)
        .spawn()
        .map_err(|error| unusable(program, &error))?;
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
    // 126 and 127 are those of prlimit and unshare for a program that they can't start.
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

/// `prlimit … [unshare …] program`: each replaces itself by the next, so there is one process.
async fn confined(program: &str, limits: &Limits) -> Command {
    let seconds = limits.timeout.as_secs().saturating_mul(2).saturating_add(5);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--as={}", limits.memory_bytes))
        .arg(format!("--cpu={seconds}"))
        .arg(format!("--fsize={}", limits.max_output_bytes))
        .args(["--nofile=64", "--core=0"]);
    if network_can_be_cut().await {
        command.args(UNSHARE);
    }
    command
        .arg(program)
        .env_clear()
        .env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
        )
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// A user namespace of its own, so that no root is needed, and a network namespace with nothing in it.
const UNSHARE: [&str; 4] = ["unshare", "--map-root-user", "--net", "--"];

/// Containers often forbid user namespaces; then the protocol whitelist alone keeps tools off the network.
async fn network_can_be_cut() -> bool {
    static ANSWER: OnceCell<bool> = OnceCell::const_new();
    let ask = || async {
        let [unshare, options @ ..] = UNSHARE;
        let mut command = Command::new(unshare);
        command
            .args(options)
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let can = command.kill_on_drop(true).status().await.is_ok_and(|status| status.success());
        if !can {
            tracing::warn!(
                "the kernel allows no namespaces here: media tools run without their network cut"
            );
        }
        can
    };
    *ANSWER.get_or_init(ask).await
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
