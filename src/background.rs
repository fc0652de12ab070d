//! Threads for what nobody waits for: they give way to those that answer requests.

use std::io;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Handle, Runtime};

/// How far they stand back, see setpriority(2): of this thread alone, on Linux.
const NICE: i32 = 10;

/// A runtime whose threads, and the programs that these start, give way. Dropped, it ends with
/// all that runs on it.
pub struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Nothing runs yet.
    pub fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().thread_name("background").on_thread_start(|| {
            // Without it everything works all the same.
            let _ = setpriority_process(None, NICE);
        });
        let runtime = builder.build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where to spawn.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // To wait is not for asynchronous code, in which this may be dropped.
            runtime.shutdown_background();
        }
    }
}
