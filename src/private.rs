//! What the program keeps on disk is for its own account alone: files have mode 0600, folders 0700.
//! That is the process's umask, so that it holds for whatever this program, its libraries and the
//! tools that it starts make.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;

/// Folders below DATA_DIR that the program makes and fills itself.
const FOLDERS: [&str; 4] = ["log", "mail", "media", "scratch"];

/// Takes group and others out of the mode of all that is made from now on.
pub fn files() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Shuts the folders that an earlier version made for everybody to enter.
pub fn folders(data_dir: &Path) {
    for name in FOLDERS {
        let path = data_dir.join(name);
        if let Err(error) = shut(&path) {
            tracing::warn!("{} stays open to other accounts: {error}", path.display());
        }
    }
}

/// Makes DATA_DIR. As root the private PostgreSQL and NATS run as another account, which has to
/// pass through it to its own folder, but can't list it.
pub fn make_data_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    if Uid::effective().is_root() {
        fs::set_permissions(path, Permissions::from_mode(0o711))?;
    }
    Ok(())
}

/// A link, or the folder of another account, is the operator's own doing.
fn shut(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() && data.uid() == Uid::effective().as_raw() => {
            if data.mode().trailing_zeros() >= 6 {
                return Ok(());
            }
            fs::set_permissions(path, Permissions::from_mode(0o700))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_an_earlier_version_are_shut_and_others_stay() {
        let data = tempfile::tempdir().unwrap();
        for name in ["media", "elsewhere"] {
            let path = data.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }

        folders(data.path());

        let mode = |name| fs::metadata(data.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("media"), mode("elsewhere")), (0o700, 0o755));
    }
}
