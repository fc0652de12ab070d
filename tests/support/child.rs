//! Servers that tests start: they end with the test, however it ends, and leave nothing behind.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User, chown};

/// Who servers run as where tests are run by root: PostgreSQL refuses to run as root.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    uid: nix::unistd::Uid,
    gid: nix::unistd::Gid,
}

impl Account {
    /// None where tests aren't run by root.
    pub fn unprivileged() -> Option<Self> {
        if !Uid::effective().is_root() {
            return None;
        }
        let found =
            ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok()?);
        let user = found.expect("the account postgres");
        Some(Self { uid: user.uid, gid: user.gid })
    }

    /// Gives them what is there.
    pub fn own(self, path: &Path) {
        chown(path, Some(self.uid), Some(self.gid)).expect("root may give it away");
    }

    /// Options of `mount` for what is theirs.
    pub fn mount_options(self) -> String {
        format!("uid={},gid={}", self.uid, self.gid)
    }
}

/// A command whose process gets that signal when the **thread** that starts it ends: a test's.
pub fn command(program: &Path, account: Option<Account>, signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.arg(format!("--pdeathsig={signal}"));
    if let Some(Account { uid, gid }) = account {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
    }
    command.arg("--").arg(program).env_clear().env("LANG", "C.UTF-8").env("TZ", "UTC");
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.current_dir("/").process_group(0).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub async fn run(command: Command) {
    let text = format!("{command:?}");
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await;
    let output = output.unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(output.status.success(), "{text}: {output:?}");
}

/// Sends a signal to processes, of which some may have ended.
pub fn signal(processes: &[i32], signal: Signal) {
    for process in processes {
        let _ = kill(Pid::from_raw(*process), signal);
    }
}

/// A process and its children.
pub fn family(parent: u32) -> Vec<i32> {
    let parent = i32::try_from(parent).expect("a process id");
    let children = processes().into_iter().filter(|process| process.parent == parent);
    std::iter::once(parent).chain(children.map(|child| child.id)).collect()
}

/// A process as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub id: i32,
    pub parent: i32,
    /// `Z` where it has ended and nothing has asked how.
    pub state: char,
    pub name: String,
}

/// All of this machine's.
pub fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("a list of processes");
    let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).ok();
    entries.flatten().filter_map(|entry| parsed(&stat(entry)?)).collect()
}

/// Media tools that work in this folder.
pub fn tools_at_work(folder: &Path) -> Vec<Process> {
    let works_there = |process: &Process| {
        let place = std::fs::read_link(format!("/proc/{}/cwd", process.id)).unwrap_or_default();
        process.name.starts_with("ff") && place.starts_with(folder)
    };
    processes().into_iter().filter(works_there).collect()
}

/// `ID (NAME) STATE PARENT …`, where the name may hold anything.
fn parsed(stat: &str) -> Option<Process> {
    let (id, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?.chars().next()?;
    let parent = words.next()?.parse().ok()?;
    Some(Process { id: id.parse().ok()?, parent, state, name: name.to_owned() })
}

/// Waits for the end of a test, then for its servers', and clears away what they can't: memory that they share,
/// file systems, and the folder. `$1` is the folder.
const JANITOR: &str = r#"
trap '' INT TERM HUP
read -r _
for file in "$1"/*/data/postmaster.pid; do
    [ -f "$file" ] || continue
    pid=$(sed -n 1p "$file")
    memory=$(sed -n 's/^ *[0-9]* *//;7p' "$file")
    tries=0
    while grep -qsF "$1/" "/proc/$pid/cmdline" && [ $tries -lt 100 ]; do
        # What is stopped does not end.
        kill -CONT "$pid"
        tries=$((tries + 1))
        sleep 0.1
    done
    ipcrm -m "$memory"
done
for disk in "$1"/disk*; do
    [ -d "$disk" ] && { umount "$disk" || umount -l "$disk"; }
done
rm -rf "$1"
"#;

/// A folder for servers. It goes with the value, and also when the test is killed.
pub struct Scratch {
    path: PathBuf,
    janitor: Child,
}

impl Scratch {
    pub fn new() -> Self {
        // The paths of sockets are short.
        let folder = tempfile::Builder::new().prefix("vt-").tempdir_in("/tmp").expect("a folder");
        let path = folder.keep();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&path, mode).expect("it is ours");
        let mut janitor = Command::new("sh");
        janitor.args(["-c", JANITOR, "sh"]).arg(&path).current_dir("/").process_group(0);
        janitor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { path, janitor: janitor.spawn().expect("sh starts") }
    }

    /// A folder in it of an account's own.
    pub fn folder(&self, name: &str, account: Option<Account>) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir(&path).expect("a new name");
        if let Some(account) = account {
            account.own(&path);
        }
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}
