//! The video finalizer: uploaded bytes of unknown content become a file that browsers play.

mod announce;
mod finalizer;
mod job;
pub mod media;
mod scan;
mod scratch;
mod storage;

pub(crate) use announce::Announcer;
pub use announce::{VideoProgress, video_progress};
pub(crate) use finalizer::Finalizer;
pub use scan::ScannerAddress;
