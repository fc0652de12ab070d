//! What a tool may reach, and how it is kept from the rest.
//!
//! Landlock and seccomp bind the thread that asks for them and whatever that thread starts. So each tool
//! is started by a thread of its own, which first gives up all that the tool shall not have. Where the
//! kernel lacks a part the others still hold.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, PathFdError, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, make_bitflags, path_beneath_rules,
};
use nix::sys::prctl;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Whatever a later kernel can keep from a tool is kept from it there.
const NEWEST: ABI = ABI::V10;

/// Where Linux distributions keep programs, and the libraries that these load.
const PROGRAMS: [&str; 12] = [
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/bin",
    "/usr/local/lib",
    "/nix/store",
    "/gnu/store",
];

/// What the loader and the C library read besides.
const FILES: [&str; 4] = ["/etc/ld.so.cache", "/etc/ld.so.preload", "/dev/random", "/dev/urandom"];

/// Ways to a network, and into the kernel, that no media tool takes.
const REFUSED_CALLS: [i64; 11] = [
    libc::SYS_socket,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// On x86-64 a kernel may know each call by a second number, with this bit.
const X32: i64 = 0x4000_0000;

/// The files that one run of a tool is about.
#[derive(Clone, Debug, Default)]
pub(in crate::video::media) struct Reach {
    /// A file to read.
    pub(super) input: Option<PathBuf>,
    /// A folder to make, write and read files in.
    pub(super) output: Option<PathBuf>,
}

/// What the kernel agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Restricted {
    /// Landlock's version: files from 1 on, truncation 3, TCP 4, devices 5, signals 6.
    pub(super) landlock: ABI,
    /// Whether [`REFUSED_CALLS`] are refused.
    pub(super) filtered: bool,
}

/// Keeps the thread that started a tool, since the tool ends with it.
pub(super) struct Leash {
    _held: mpsc::Sender<()>,
}

/// Starts a command that reaches nothing but the programs' folders, `tool`'s own and `reach`.
pub(super) async fn spawn(
    mut command: Command,
    tool: PathBuf,
    reach: Reach,
) -> io::Result<(Child, Leash)> {
    on_own_thread(move || {
        restrict(&tool, &reach)?;
        command.spawn()
    })
    .await
}

/// Restricts a thread as for a tool, and runs `work` on it.
pub(super) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<(T, Leash)> {
    let (tell, told) = oneshot::channel();
    let (leash, held) = mpsc::channel();
    let runtime = Handle::current();
    thread::Builder::new().name("media-tool".to_owned()).spawn(move || {
        let _runtime = runtime.enter();
        if tell.send(work()).is_ok() {
            // Fails when the leash is dropped.
            let _ = held.recv();
        }
    })?;
    let done = told.await.map_err(io::Error::other)??;
    Ok((done, Leash { _held: leash }))
}

/// Takes from this thread, and from all that it will start, whatever a tool shall not have.
pub(super) fn restrict(tool: &Path, reach: &Reach) -> io::Result<Restricted> {
    prctl::set_no_new_privs()?;
    let landlock = landlocked(tool, reach).map_err(io::Error::other)?;
    // Last, so that it can't be in the way of the other.
    Ok(Restricted { landlock, filtered: filter() })
}

/// Why Landlock, where there is one, can't be had.
#[derive(Debug, thiserror::Error)]
enum NotLocked {
    #[error(transparent)]
    Ruleset(#[from] RulesetError),
    #[error(transparent)]
    Path(#[from] PathFdError),
}

fn landlocked(tool: &Path, reach: &Reach) -> Result<ABI, NotLocked> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(PROGRAMS, AccessFs::Execute | AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(own_folders(tool), AccessFs::Execute | AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(FILES, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?;
    if let Some(input) = &reach.input {
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(input)?, AccessFs::ReadFile))?;
    }
    if let Some(output) = &reach.output {
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(output)?, making()))?;
    }
    Ok(ruleset.restrict_self()?.landlock.into())
}

fn making() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate | MakeReg})
}

/// Of a tool in another prefix: where it is, and where its libraries may be.
fn own_folders(tool: &Path) -> Vec<PathBuf> {
    let Some(folder) = tool.canonicalize().ok().and_then(|tool| tool.parent().map(Path::to_owned))
    else {
        return Vec::new();
    };
    let beside = ["lib", "lib64"].map(|name| folder.with_file_name(name));
    if folder.ends_with("bin") { [vec![folder], beside.into()].concat() } else { vec![folder] }
}

/// Whether it holds: some kernels and processors can't.
fn filter() -> bool {
    let Ok(processor) = TargetArch::try_from(std::env::consts::ARCH) else { return false };
    let refused = REFUSED_CALLS.iter().flat_map(|call| [*call, *call | X32]);
    let refused = refused.map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    SeccompFilter::new(refused, SeccompAction::Allow, refuse, processor)
        .and_then(BpfProgram::try_from)
        .is_ok_and(|filter| apply_filter(&filter).is_ok())
}

/// Where a program is that would be found through `PATH`.
pub(in crate::video::media) fn found(program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let runs = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let folders = std::env::var_os("PATH").unwrap_or_else(|| super::DEFAULT_PATH.into());
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| runs(path))
}
