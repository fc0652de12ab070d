//! The folder in which each mail becomes a file. A name begins with the event's time, so that names
//! sort by it, then has the event and whose mail it is: `<time>-<event>-<user>.eml`. With a person
//! their mails go.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::UserId;
use nix::unistd::syncfs;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcDateTime};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::Letter;
use crate::give_way::give_way;
use crate::subscriber::Failed;

/// The time of the event, as a name begins.
const TIME: StaticFormatDescription =
    format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:6]Z");

/// Where each mail becomes a file, once it is settled.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    waiting: Arc<Mutex<Vec<Unwritten>>>,
}

struct Unwritten {
    recipient: UserId,
    name: String,
    bytes: Vec<u8>,
}

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// When the event happened.
    pub(crate) at: UtcDateTime,
    /// Which event it was.
    pub(crate) event: Uuid,
    /// Whose mail it is; names of earlier versions do not tell.
    pub(crate) recipient: Option<UserId>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, waiting: Arc::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Unwritten>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a mail in memory until it is settled.
    pub(super) fn take(&self, letter: &Letter, bytes: Vec<u8>) -> Result<(), Failed> {
        let recipient = letter.recipient;
        let named = Named { at: letter.at.into(), event: letter.event, recipient: Some(recipient) };
        let name = named.text().map_err(|error| failed(&error))?;
        self.waiting().push(Unwritten { recipient, name, bytes });
        Ok(())
    }

    /// Writes all that waits at once: that costs a quarter of writing one by one.
    pub(super) async fn settle(&self) -> Result<(), Failed> {
        let folder = self.clone();
        let done = spawn_blocking(move || folder.write()).await;
        done.map_err(io::Error::other).flatten().map_err(|error| failed(&error))
    }

    /// Removes a person's mails, also those that wait, for good.
    pub(super) async fn forget(&self, person: UserId) -> Result<(), Failed> {
        self.waiting().retain(|mail| mail.recipient != person);
        let path = self.path.clone();
        let is_theirs = move |named: &Named| named.recipient == Some(person);
        let done = spawn_blocking(move || remove(&path, is_theirs)).await;
        done.map_err(io::Error::other).flatten().map(drop).map_err(|error| failed(&error))
    }

    /// Writes what waits. Where that fails their events come again. Events that need no mail leave
    /// no folder.
    fn write(&self) -> io::Result<()> {
        let waiting = mem::take(&mut *self.waiting());
        if waiting.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.path)?;
        for mail in &waiting {
            mail.write(&self.path)?;
            give_way();
        }
        Ok(syncfs(File::open(&self.path)?)?)
    }
}

impl Unwritten {
    /// A reader never sees half a mail, and a second try replaces the first.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let unfinished = folder.join(format!(".{}.new", self.name));
        // It holds links that open an account.
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&unfinished)?.write_all(&self.bytes)?;
        fs::rename(&unfinished, folder.join(&self.name))
    }
}

impl Named {
    /// The name of the whole file.
    pub(crate) fn text(&self) -> io::Result<String> {
        let time = self.at.format(TIME).map_err(io::Error::other)?;
        let recipient = self.recipient.map(|user| format!("-{user}")).unwrap_or_default();
        Ok(format!("{time}-{}{recipient}.eml", self.event))
    }

    /// Reads the name of a file, also of one that was never finished; `None` for one that is not
    /// this program's.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let name =
            name.strip_prefix('.').and_then(|name| name.strip_suffix(".new")).unwrap_or(name);
        let (time, ids) = name.strip_suffix(".eml")?.split_once('-')?;
        let at = PrimitiveDateTime::parse(time, TIME).ok()?.assume_utc().into();
        let (event, recipient) = ids.split_at_checked(36)?;
        let recipient = match recipient.strip_prefix('-') {
            Some(user) => Some(user.parse().ok()?),
            None if recipient.is_empty() => None,
            None => return None,
        };
        Some(Self { at, event: event.parse().ok()?, recipient })
    }
}

/// The mails in a folder, which need not be there, by the names of their files.
pub(crate) fn mails(folder: &Path) -> io::Result<Vec<(String, Named)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut mails = vec![];
    for entry in entries {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        mails.extend(Named::read(&name).map(|named| (name, named)));
    }
    Ok(mails)
}

/// Removes those mails, and returns once they stay gone through a loss of power.
pub(crate) fn remove(folder: &Path, which: impl Fn(&Named) -> bool) -> io::Result<u64> {
    let mut removed = 0;
    for (name, _) in mails(folder)?.into_iter().filter(|(_, named)| which(named)) {
        match fs::remove_file(folder.join(name)) {
            // It was finished, or removed by another process, just now.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) => removed += 1,
            Err(_) => {}
        }
        give_way();
    }
    if removed > 0 {
        File::open(folder)?.sync_all()?;
    }
    Ok(removed)
}

fn failed(error: &io::Error) -> Failed {
    Failed::Transient(format!("the folder of mails: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whose_mail_it_is_and_one_of_an_earlier_version_which_event() {
        let event = Uuid::from_u128(7);
        let at = UtcDateTime::from_unix_timestamp_nanos(1_764_000_000_123_456_000).unwrap();
        for recipient in [None, Some(UserId::from_uuid(Uuid::from_u128(9)))] {
            let named = Named { at, event, recipient };
            let name = named.text().unwrap();

            assert!(name.starts_with("20251124T160000.123456Z-"), "{name}");
            assert_eq!(Named::read(&name).as_ref(), Some(&named));
            assert_eq!(Named::read(&format!(".{name}.new")), Some(named));
        }
        for other in ["notes.eml", "20251124T160000.123456Z-7.eml", ".keep", ""] {
            assert_eq!(Named::read(other), None, "{other}");
        }
    }
}
