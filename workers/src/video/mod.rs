//! The video finalizer: uploaded bytes of unknown content become a file that browsers play.

mod finalizer;
mod job;
pub mod media;
mod scan;
mod scratch;
mod storage;

pub(crate) use finalizer::Finalizer;
pub use scan::ScannerAddress;
