//! Where a service keeps its data, and which account it runs as.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use tempfile::TempDir;

use super::launch::{self, Account};
use super::{At, Error, Result};

/// A service's own folder, which may not exist yet.
#[derive(Clone, Debug)]
pub struct Home {
    /// The folder, without links in its path.
    pub path: PathBuf,
    /// Who owns it and runs the service; `None`: this program's own account.
    pub account: Option<Account>,
}

impl Home {
    /// Finds `data_dir/name`, or another place when root keeps `data_dir` from everybody else.
    pub fn find(data_dir: &Path, name: &str) -> Result<Self> {
        let data_dir = data_dir.canonicalize().at("open the folder", data_dir)?;
        let wanted = data_dir.join(name);
        if let Ok(target) = fs::read_link(&wanted) {
            return Self::behind_link(wanted, target);
        }
        if !Uid::effective().is_root() {
            return Ok(Self { path: wanted, account: None });
        }
        let owner = owner(&wanted)?;
        let account = owner.map_or_else(unprivileged, Ok)?;
        if launch::reaches(account, &data_dir)? {
            return Ok(Self { path: wanted, account: Some(account) });
        }
        if owner.is_some() {
            return Err(Error::Unreachable(wanted));
        }
        let path = outside_home(&data_dir)?.join(name);
        tracing::info!(
            "{} cannot be reached by the account that {name} runs as, so its data is kept in {}",
            data_dir.display(),
            path.display()
        );
        Ok(Self { path, account: Some(account) })
    }

    /// Leaves a link in `data_dir` when the data is elsewhere, so that it is found again.
    pub fn leave_link(&self, data_dir: &Path, name: &str) -> Result<()> {
        let data_dir = data_dir.canonicalize().at("open the folder", data_dir)?;
        let wanted = data_dir.join(name);
        if wanted == self.path || fs::read_link(&wanted).is_ok() {
            return Ok(());
        }
        symlink(&self.path, &wanted).at("make the link", &wanted)
    }

    /// Makes a folder that only the service's account may open.
    pub fn make_private(&self, path: &Path) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
        .at("make the folder", path)?;
        match self.account {
            Some(Account { uid, gid }) => lchown(path, Some(uid), Some(gid)).at("give away", path),
            None => Ok(()),
        }
    }

    /// Gives an open file to the service's account.
    pub fn own_file(&self, file: &File, path: &Path) -> Result<()> {
        match self.account {
            Some(Account { uid, gid }) => fchown(file, Some(uid), Some(gid)).at("give away", path),
            None => Ok(()),
        }
    }

    /// The user that owns the service's files.
    pub fn uid(&self) -> u32 {
        self.account.map_or(Uid::effective().as_raw(), |account| account.uid)
    }

    fn behind_link(link: PathBuf, target: PathBuf) -> Result<Self> {
        let Ok(path) = link.canonicalize() else { return Err(Error::Gone { link, target }) };
        let account = if Uid::effective().is_root() { owner(&path)? } else { None };
        Ok(Self { path, account })
    }
}

/// A short name for a path: the same one every time, unlike that of another path.
pub fn short_name(path: &Path) -> String {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv);
    format!("vetted-{hash:016x}")
}

/// A new folder for one run that the services' account reaches; dropped, it is gone.
pub fn temporary_dir() -> Result<TempDir> {
    let root = Uid::effective().is_root();
    for base in [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")] {
        let Ok(dir) = tempfile::Builder::new().prefix("vetted-").tempdir_in(base) else { continue };
        if !root {
            return Ok(dir);
        }
        // The services' own folders below are for their account only.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).at("open", dir.path())?;
        if launch::reaches(unprivileged()?, dir.path())? {
            return Ok(dir);
        }
    }
    Err(Error::Unreachable(std::env::temp_dir()))
}

/// The owner of what exists already, unless that is root.
fn owner(path: &Path) -> Result<Option<Account>> {
    match fs::metadata(path) {
        Ok(data) if data.uid() == 0 => Ok(None),
        Ok(data) => Ok(Some(Account { uid: data.uid(), gid: data.gid() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("look at", path),
    }
}

fn unprivileged() -> Result<Account> {
    let users = ["postgres", "nobody"].into_iter().filter_map(|name| User::from_name(name).ok()?);
    users
        .map(|user| Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .next()
        .ok_or(Error::Missing { program: "The account postgres".into(), variable: "DATABASE_URL" })
}

/// Only root comes here: a folder of root's that everybody may enter.
fn outside_home(data_dir: &Path) -> Result<PathBuf> {
    let name = short_name(data_dir);
    let in_lib = Path::new("/var/lib").join(&name);
    let path = if enterable(&in_lib).is_ok() { in_lib } else { Path::new("/tmp").join(name) };
    enterable(&path).at("make the folder", &path)?;
    match fs::symlink_metadata(&path) {
        Ok(data) if data.is_dir() && data.uid() == 0 => Ok(path),
        _ => Err(Error::Foreign(path)),
    }
}

fn enterable(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        // The umask may have taken the bits away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o711)),
    }
}
