//! Folders for videos that are being finished, one each. A process that dies leaves its own behind, and
//! the next that makes one removes it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

const PREFIX: &str = "video-";

/// A folder that goes with the value.
pub(super) struct WorkFolder {
    folder: TempDir,
    /// The system lets go of it when the process ends, however that ends.
    _held: Flock<File>,
}

impl WorkFolder {
    /// Makes one in `scratch`, which may be shared with other processes.
    pub(super) fn make(scratch: &Path) -> io::Result<Self> {
        fs::create_dir_all(scratch)?;
        // Nobody sweeps between making a folder and holding it.
        let _gate = hold(scratch, FlockArg::LockExclusive)?;
        sweep(scratch)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(scratch)?;
        let held = hold(folder.path(), FlockArg::LockExclusiveNonblock)?;
        Ok(Self { folder, _held: held })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn hold(folder: &Path, how: FlockArg) -> io::Result<Flock<File>> {
    Flock::lock(File::open(folder)?, how).map_err(|(_, error)| error.into())
}

/// Removes the folders that nobody holds.
fn sweep(scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && hold(&entry.path(), FlockArg::LockExclusiveNonblock).is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_removed_and_what_is_held_stays() {
        let scratch = tempfile::tempdir().expect("a folder");
        let left = scratch.path().join("video-left");
        let other = scratch.path().join("notes");
        for folder in [&left, &other] {
            fs::create_dir(folder).expect("made");
            fs::write(folder.join("original"), "bytes").expect("written");
        }

        let one = WorkFolder::make(scratch.path()).expect("made");
        let two = WorkFolder::make(scratch.path()).expect("made");

        assert!(!left.exists() && other.exists());
        assert!(one.path().exists() && two.path().exists());
        drop(one);
        assert_eq!(fs::read_dir(scratch.path()).expect("readable").count(), 2);
    }
}
