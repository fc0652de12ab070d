//! `vetted services -- COMMAND`: a command with a PostgreSQL and a NATS of its own.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::ExposeSecret;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::embedded::{self, Nats, Postgres};

/// Test suites open a pool per test.
const CONNECTIONS: u32 = 500;
/// What a command gets to end after a signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the command did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the two servers is not there.
    #[error(transparent)]
    Embedded(#[from] embedded::Error),
    /// The command itself.
    #[error("{} cannot be run: {source}", program.display())]
    Command { program: PathBuf, source: io::Error },
    /// This program's own handling of signals.
    #[error("signals cannot be handled: {0}")]
    Signals(io::Error),
}

/// Runs `command` with `TEST_DATABASE_URL` and `TEST_NATS_URL` set, and ends as it ends.
///
/// Data is kept in `dir`; without one it goes with the command.
pub async fn run(dir: Option<&Path>, command: &[OsString]) -> Result<ExitCode, Error> {
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let temporary = if dir.is_some() { None } else { Some(embedded::temporary_dir()?) };
    let dir = dir.or(temporary.as_ref().map(tempfile::TempDir::path)).unwrap_or(Path::new("."));
    // A signal must not cut the start short: what runs by then has to be stopped.
    let (postgres, nats) =
        tokio::join!(Postgres::start_with(dir, CONNECTIONS), Nats::start_open(dir));
    let status = match (&postgres, &nats) {
        (Ok(postgres), Ok(nats)) => {
            Some(with_services(postgres, nats, command, &mut signals).await)
        }
        _ => None,
    };
    let postgres = stop(postgres, Postgres::stop).await;
    let nats = stop(nats, Nats::stop).await;
    postgres?;
    nats?;
    drop(temporary);
    status.map_or(Ok(ExitCode::FAILURE), |status| status.map(exit_code))
}

async fn stop<S, F: Future<Output = ()>>(
    service: embedded::Result<S>,
    stop: impl FnOnce(S) -> F,
) -> embedded::Result<()> {
    stop(service?).await;
    Ok(())
}

async fn with_services(
    postgres: &Postgres,
    nats: &Nats,
    words: &[OsString],
    signals: &mut Signals,
) -> Result<ExitStatus, Error> {
    let program = words.first().cloned().unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(words.get(1..).unwrap_or_default()).kill_on_drop(true);
    command.env("TEST_DATABASE_URL", postgres.url().expose_secret());
    command.env("TEST_NATS_URL", nats.address().servers.join(","));
    let failed = |source| Error::Command { program: PathBuf::from(&program), source };
    let mut child = command.spawn().map_err(failed)?;
    tokio::select! {
        status = child.wait() => status.map_err(failed),
        received = signals.next() => end(&mut child, received).await.map_err(failed),
    }
}

/// Passes the signal on, and insists when that does not help.
async fn end(child: &mut Child, received: Signal) -> io::Result<ExitStatus> {
    // A terminal has sent Ctrl-C to the command already; twice means something else to many.
    let from_terminal = received == Signal::SIGINT && io::stdin().is_terminal();
    if !from_terminal && let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended just now.
        let _ = kill(Pid::from_raw(pid), received);
    }
    if let Ok(status) = tokio::time::timeout(STOP_TIMEOUT, child.wait()).await {
        return status;
    }
    child.kill().await?;
    child.wait().await
}

/// As a shell reports it: the command's own code, or 128 and the signal that ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hang_up.recv() => Signal::SIGHUP,
        }
    }
}
