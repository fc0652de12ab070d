//! Files that are being written to a folder end in `#` and a number, and lists leave them out; a
//! process that dies leaves them behind.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use commands::{erasure, media};

/// Removes those that were last written before then, and folders that are empty afterwards.
pub(super) fn remove(media: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for folder in media::FOLDERS.into_iter().chain([erasure::FOLDER]) {
        match remove_in(&media.join(folder), before, &mut removed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(removed)
}

fn remove_in(folder: &Path, before: SystemTime, removed: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let outcome = if entry.file_type()?.is_dir() {
            let inner = remove_in(&entry.path(), before, removed);
            // One that is not empty stays.
            let _ = fs::remove_dir(entry.path());
            inner
        } else if is_temporary(&name.to_string_lossy()) && entry.metadata()?.modified()? <= before {
            *removed += 1;
            fs::remove_file(entry.path())
        } else {
            Ok(())
        };
        match outcome {
            // It was renamed or removed just now.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_temporary_files_go() {
        let media = tempfile::tempdir().unwrap();
        let folder = media.path().join("uploads/some");
        fs::create_dir_all(&folder).unwrap();
        for name in ["0-1", "0-1#1", "a#b", "a#"] {
            fs::write(folder.join(name), "x").unwrap();
        }
        let long_ago = SystemTime::UNIX_EPOCH;

        assert_eq!(remove(media.path(), long_ago).unwrap(), 0);
        assert_eq!(remove(media.path(), SystemTime::now()).unwrap(), 1);

        assert!(!folder.join("0-1#1").exists() && folder.join("0-1").exists());
    }
}
