//! Keeps one child running from a thread of its own.
//!
//! The thread matters: the kernel ends a child when the thread that started it ends, and the
//! async runtime's threads come and go.

use std::io;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::oneshot;

/// A child that lived this long had started well.
const HEALTHY: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// However often it ends: nothing works meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A child that is started again whenever it ends, until stopped.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    ended: Option<oneshot::Receiver<()>>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Set only while the process has not been reaped, so a signal never hits a stranger.
    pid: Option<u32>,
    stopping: bool,
    failures: u32,
    last: String,
}

impl Supervisor {
    /// Starts the thread; `prepare` makes the command of each try.
    pub fn start(
        name: &'static str,
        prepare: impl FnMut() -> io::Result<Command> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { name, state: Mutex::default(), wake: Condvar::new() });
        let (end, ended) = oneshot::channel();
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name(format!("embedded {name}")).spawn(move || {
            of_thread.keep_running(prepare);
            // Nobody may be waiting any more.
            let _ = end.send(());
        })?;
        Ok(Self { shared, ended: Some(ended) })
    }

    /// The process that runs now.
    pub fn pid(&self) -> Option<u32> {
        self.shared.state().pid
    }

    /// How often the child ended or could not be started, and how the last time.
    pub fn failures(&self) -> (u32, String) {
        let state = self.shared.state();
        (state.failures, state.last.clone())
    }

    /// Asks the child to end, then insists; each signal has this long to work.
    pub async fn stop(mut self, patience: Duration) {
        let Some(mut ended) = self.ended.take() else { return };
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
            self.shared.end(signal);
            if tokio::time::timeout(patience, &mut ended).await.is_ok() {
                return;
            }
            tracing::warn!("{} did not end within {patience:?} of {signal}", self.shared.name);
        }
    }
}

impl Drop for Supervisor {
    /// Asks, without waiting: for a panic or an early return.
    fn drop(&mut self) {
        if self.ended.is_some() {
            self.shared.end(Signal::SIGINT);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, signal: Signal) {
        let mut state = self.state();
        state.stopping = true;
        if let Some(pid) = state.pid.and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), signal);
        }
        self.wake.notify_all();
    }

    fn keep_running(&self, mut prepare: impl FnMut() -> io::Result<Command>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let how = match self.spawn(&mut prepare) {
                Ok(Some(child)) => self.wait(child),
                Ok(None) => return,
                Err(error) => format!("it could not be started: {error}"),
            };
            if started.elapsed() > HEALTHY {
                pause = FIRST_PAUSE;
            }
            if !self.note_failure(how, pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `None` when told to stop meanwhile.
    fn spawn(
        &self,
        prepare: &mut impl FnMut() -> io::Result<Command>,
    ) -> io::Result<Option<Child>> {
        let mut command = prepare()?;
        let mut state = self.state();
        if state.stopping {
            return Ok(None);
        }
        let child = command.spawn()?;
        state.pid = Some(child.id());
        Ok(Some(child))
    }

    fn wait(&self, mut child: Child) -> String {
        if let Ok(pid) = i32::try_from(child.id()) {
            let pid = Pid::from_raw(pid);
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            // Sees the end without reaping, so that the id cannot be another's yet.
            while waitid(Id::Pid(pid), flags) == Err(nix::Error::EINTR) {}
        }
        let mut state = self.state();
        state.pid = None;
        match child.wait() {
            Ok(status) => format!("it ended with {status}"),
            Err(error) => format!("it could not be waited for: {error}"),
        }
    }

    /// Sleeps before the next try; false when there is to be none.
    fn note_failure(&self, how: String, pause: Duration) -> bool {
        let mut state = self.state();
        if !state.stopping {
            tracing::warn!("{}: {how}; starting it again in {pause:?}", self.name);
            state.failures += 1;
            state.last = how;
        }
        let waited = self.wake.wait_timeout_while(state, pause, |state| !state.stopping);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}
