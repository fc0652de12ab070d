//! One program per folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{At, Error, Result};
use crate::private;

/// How long a program that was just killed may still hold its lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// Held until dropped; the kernel drops it with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Blocks up to three seconds.
    pub fn take(data_dir: &Path, name: &str) -> Result<Self> {
        private::make_data_dir(data_dir).at("make the folder", data_dir)?;
        let path = data_dir.join(format!("{name}.lock"));
        let mut options = File::options();
        let file = options.create(true).append(true).open(&path).at("open", &path)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(Error::InUse(data_dir.to_owned()));
                }
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)),
            }
        }
    }
}
