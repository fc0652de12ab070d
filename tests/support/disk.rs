//! A disk that can be full: a file system in memory, where the test may mount one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::statvfs::statvfs;

use super::child::{Account, Scratch};

/// As much as is asked for; none of it is taken before it is needed.
const ROOM: u64 = 8 << 30;
/// What may come in while it is being filled.
const SLACK: u64 = 256 << 10;

/// Unmounted with the folder that it is in.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// None where mounting is not allowed: it takes root.
    pub fn mount(scratch: &Scratch, name: &str, account: Option<Account>) -> Option<Self> {
        let path = scratch.folder(&format!("disk-{name}"), account);
        let owner = account.map(|account| format!(",{}", account.mount_options()));
        let options = format!("size={ROOM},mode=0700{}", owner.unwrap_or_default());
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &path).then_some(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves no room.
    pub fn fill(&self) {
        let used = statvfs(&self.path).expect("it is mounted");
        let used = (used.blocks() - used.blocks_free()) * used.fragment_size();
        let sizes = [0, SLACK, 16 * SLACK].map(|slack| used + slack);
        let is_full = sizes.iter().any(|size| self.resize(*size));
        assert!(is_full, "{} can't be made smaller", self.path.display());
    }

    pub fn free(&self) {
        assert!(self.resize(ROOM), "{} can't be made larger", self.path.display());
    }

    fn resize(&self, size: u64) -> bool {
        mount(&["-o", &format!("remount,size={size}")], &self.path)
    }
}

fn mount(options: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(options).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
