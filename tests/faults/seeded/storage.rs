//! The storage for files, and the way to it.

use super::fault::Fault;
use crate::support::child::Scratch;
use crate::support::disk::Disk;
use crate::support::{Bucket, Proxy};

pub struct Storage {
    pub bucket: Bucket,
    disk: Option<Disk>,
    line: Proxy,
}

impl Storage {
    /// And the address that the program goes by.
    pub async fn start(scratch: &Scratch) -> (Self, String) {
        let disk = Disk::mount(scratch, "bucket", None);
        let folder = disk.as_ref().map(|disk| disk.path().to_owned());
        let folder = folder.unwrap_or_else(|| scratch.folder("bucket", None));
        // A process whose clock is off must be able to start.
        let bucket = Bucket::serve_in(&folder, u32::MAX).await;
        let (line, address) = Proxy::before_server(bucket.address()).await;
        (Self { bucket, disk, line }, format!("http://{address}"))
    }

    /// Whether it can have no room.
    pub fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    pub fn inflict(&self, fault: Fault) {
        match fault {
            Fault::StorageGone => self.line.close(),
            Fault::StorageFrozen => self.line.freeze(),
            Fault::StorageFull => self.disk.as_ref().expect("a disk").fill(),
            other => unreachable!("{other:?} is of another part"),
        }
    }

    pub fn heal(&self) {
        self.line.open();
        self.disk.iter().for_each(Disk::free);
    }
}
