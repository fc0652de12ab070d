//! Threads beside those of the connections.

use std::io;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Handle, Runtime};

/// How far background threads stand back, see setpriority(2): of this thread alone, on Linux.
const NICE: i32 = 10;

/// A runtime with threads of its own. Dropped, it ends with all that runs on it.
pub struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    /// For what nobody waits for: these threads, and the programs that they start, give way to those that answer
    /// requests. Nothing runs yet.
    pub fn background() -> io::Result<Self> {
        Self::start("background", || {
            // Without it everything works all the same.
            let _ = setpriority_process(None, NICE);
        })
    }

    /// For requests of which there are many. Nothing runs yet.
    pub fn crowd() -> io::Result<Self> {
        Self::start("crowd", || {})
    }

    fn start(name: &str, begin: fn()) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name(name).on_thread_start(begin).build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where to spawn.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To wait is not for asynchronous code, in which this may be dropped.
            runtime.shutdown_background();
        }
    }
}
