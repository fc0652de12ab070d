//! Processes whose machine's clock is wrong.

use std::path::Path;

/// Debian's libfaketime, which `scripts/install check` installs, on whichever architecture.
fn library() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let library = |folder: std::fs::DirEntry| folder.path().join("faketime/libfaketimeMT.so.1");
    let found = folders.flatten().map(library).find(|path| path.exists())?;
    Some(found.to_str()?.to_owned())
}

/// Variables that put a process's clock off by as much, such as `+1h`. None without libfaketime.
pub fn off_by(offset: &str) -> Option<[(&'static str, String); 3]> {
    Some([
        ("LD_PRELOAD", library()?),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME", offset.to_owned()),
    ])
}

/// Variables that put a process's clock off by what a file says at the moment, such as `+1h`. None without
/// libfaketime.
pub fn read_from(file: &Path) -> Option<[(&'static str, String); 4]> {
    Some([
        ("LD_PRELOAD", library()?),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
    ])
}
