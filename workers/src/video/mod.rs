//! The video finalizer: uploaded bytes of unknown content become a file that browsers play.

mod announce;
mod finalizer;
mod job;
pub mod media;
mod readiness;
mod scan;
mod scratch;
mod storage;

pub(crate) use announce::Announcer;
pub use announce::{VideoProgress, video_progress};
pub(crate) use finalizer::{Finalizer, NAME as FINALIZER};
pub use readiness::check_videos;
pub(crate) use readiness::{NAME as VIDEOS, Needs, watch};
pub use scan::ScannerAddress;
