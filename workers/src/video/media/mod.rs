//! The media half of the finalizer: a local path to uploaded bytes in, finished files or a reason out.
//!
//! Nothing here knows of leases, storage or events. The bytes are hostile until proven otherwise: what
//! they are is read from them, and every tool that parses them runs in [`sandbox`].

mod codec;
mod digest;
mod integrity;
mod limits;
mod poster;
mod probe;
mod progress;
mod rejection;
mod remux;
mod sandbox;
mod sniff;
mod structure;
mod symptoms;

use std::path::{Path, PathBuf};

pub use limits::Limits;
pub use rejection::Rejection;
pub use sandbox::{Confinement, ToolError, confinement};

use progress::{Progress, Stage};

/// The finished files, which lie below the work directory until the caller takes them away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finalized {
    /// The remuxed video: index in front, no metadata of its maker.
    pub video: PathBuf,
    /// A JPEG of at most 1280 pixels on its longer side.
    pub poster: PathBuf,
    /// Bytes of the finished video, not of the upload.
    pub size: u64,
    /// SHA-256 of the finished video, 64 lowercase hex digits.
    pub sha256: String,
    /// `video/mp4` or `video/webm`.
    pub content_type: String,
    /// Milliseconds, as the finished file announces them.
    pub duration_ms: i64,
    /// Pixels as displayed: rotation and pixel shape applied.
    pub width: i32,
    /// Pixels as displayed: rotation applied.
    pub height: i32,
}

/// Why there is no finished file; the difference decides between telling the owner and trying again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input is at fault: final, and `Display` is the sentence for the owner.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The machine is at fault: try again; `Display` is for the log alone.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Tool(error.into())
    }
}

/// Turns uploaded bytes into finished files in `work`, which must exist and is the caller's to clean up.
///
/// May be repeated on the same directory: it overwrites what an earlier try left. Dropping the future
/// kills the tool that runs. `progress` gets 0–100, never falling, at most twice a second (100 aside).
pub async fn finalize(
    input: &Path,
    work: &Path,
    limits: &Limits,
    progress: impl Fn(u8) + Send + Sync,
) -> Result<Finalized, Failure> {
    let progress = Progress::new(&progress);
    progress.report(Stage::Inspect, 0.0);
    // Of its own, since the tools may write there.
    let work = &work.join("finished");
    tokio::fs::create_dir_all(work).await?;
    let family = inspect_bytes(input, limits).await?;
    let shortfall = structure::shortfall(input, family).await?;
    let source = match (probe::probe(input, limits).await, shortfall) {
        (Err(Failure::Rejected(Rejection::Unreadable)), Some(cut)) => return Err(cut.into()),
        (probed, _) => probed?,
    };
    let container = codec::container(family, &source)?;
    limits.check(&source)?;
    integrity::read_through(input, &source, shortfall, limits, &progress).await?;
    let video = remux::remux(input, &source, container, work, limits, &progress).await?;
    let finished = probe::probe(&video, limits).await?;
    let poster = poster::take(&video, &finished, work, limits, &progress).await?;
    let (sha256, size) = digest::sha256(&video, &progress).await?;
    progress.finish();
    let (width, height) = finished.displayed();
    Ok(Finalized {
        video,
        poster,
        size,
        sha256,
        content_type: container.content_type().to_owned(),
        duration_ms: i64::try_from(finished.duration().as_millis()).unwrap_or(i64::MAX),
        width: i32::try_from(width).unwrap_or(i32::MAX),
        height: i32::try_from(height).unwrap_or(i32::MAX),
    })
}

async fn inspect_bytes(input: &Path, limits: &Limits) -> Result<sniff::Family, Failure> {
    let size = tokio::fs::metadata(input).await?.len();
    if size > limits.max_bytes {
        return Err(Rejection::TooLarge { size, max: limits.max_bytes }.into());
    }
    Ok(sniff::sniff(&sniff::opening(input).await?)?)
}
