//! Children that an earlier run left behind, and programs on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Long enough for PostgreSQL's last checkpoint.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether this process runs, with `argument` on its command line: ids are used again.
pub fn is_running(pid: u32, argument: &Path) -> bool {
    let wanted = argument.as_os_str().as_encoded_bytes();
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == wanted))
}

/// Ends a process of an earlier run and waits for it. Callers hold the folder's lock, so that
/// the program that started it is dead.
pub fn end_orphan(name: &str, pid: u32, argument: &Path) {
    let Ok(raw) = i32::try_from(pid) else { return };
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
        let deadline = Instant::now() + STOP_TIMEOUT;
        if !is_running(pid, argument) {
            return;
        }
        tracing::info!("{name} of an earlier run (process {pid}) gets {signal}");
        // It may have ended just now.
        let _ = kill(Pid::from_raw(raw), signal);
        while is_running(pid, argument) && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
    }
}

/// Every program of this name in `PATH`, then in these folders.
pub fn find_programs(name: &str, folders: &[&str]) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let everywhere = std::env::split_paths(&path).chain(folders.iter().map(PathBuf::from));
    everywhere.map(|folder| folder.join(name)).filter(|program| program.is_file()).collect()
}

/// The end of a log, for a message.
pub fn last_line(log: &Path) -> Option<String> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

/// A log to append to; a large one makes room first.
pub fn open_log(data_dir: &Path, name: &str) -> std::io::Result<fs::File> {
    let path = log_path(data_dir, name);
    fs::create_dir_all(data_dir.join("log"))?;
    if fs::metadata(&path).is_ok_and(|data| data.len() > 16 * 1024 * 1024) {
        fs::rename(&path, path.with_extension("log.1"))?;
    }
    fs::File::options().create(true).append(true).open(path)
}

/// `DATA_DIR/log/NAME.log`.
pub fn log_path(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join("log").join(format!("{name}.log"))
}
