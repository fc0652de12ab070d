//! The media half of the finalizer: a local path to uploaded bytes in, finished files or a reason out.
//!
//! Nothing here knows of leases, storage or events. The bytes are hostile until proven otherwise: what
//! they are is read from them, and every tool that parses them runs in [`sandbox`].

mod codec;
mod decode;
mod digest;
mod integrity;
mod limits;
mod poster;
mod probe;
mod progress;
mod rejection;
mod remux;
mod sandbox;
mod selftest;
mod sniff;
mod sprite;
mod structure;
mod symptoms;
mod timeline;
mod tools;

use std::path::{Path, PathBuf};

pub use limits::{CODECS, Limits};
pub use rejection::{Rejection, Track};
pub use sandbox::{Confinement, ToolError, confinement};
pub use sniff::Family;
pub use sprite::Sprite;
pub use tools::{Unfit, find as find_tools};

use codec::Plan;
use decode::Decoded;
use probe::Source;
use progress::{FinishingProgress, Stage};
use sandbox::Input;

/// The finished files, which lie below the work directory until the caller takes them away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finalized {
    /// The video as browsers play it: index in front, no metadata of its maker.
    pub video: PathBuf,
    /// A JPEG of at most 1280 pixels on its longer side.
    pub poster: PathBuf,
    /// Thumbnails, where there could be any.
    pub sprite: Option<Sprite>,
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
    let progress = FinishingProgress::new(&progress);
    progress.report(Stage::Inspect, 0.0);
    // Of its own, since the tools may write there.
    let work = &work.join("finished");
    tokio::fs::create_dir_all(work).await?;
    let family = inspect_bytes(input, limits).await?;
    let finished = finish(Input { path: input, family }, work, limits, &progress).await;
    if matches!(finished, Err(Failure::Rejected(_))) {
        selftest::run(work, limits).await?;
    }
    finished
}

async fn finish(
    input: Input<'_>,
    work: &Path,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<Finalized, Failure> {
    structure::check_packets(input.path, input.family).await?;
    let shortfall = structure::shortfall(input.path, input.family).await?;
    let source = match (probe::probe(input, limits).await, shortfall) {
        (Err(Failure::Rejected(Rejection::Unreadable)), Some(cut)) => return Err(cut.into()),
        (probed, _) => probed?,
    };
    source.check(limits)?;
    let plan = codec::plan(input.family, &source, limits)?;
    if plan.converts() {
        progress.will_convert();
    }
    integrity::read_through(input, &source, shortfall, limits, progress).await?;
    let decoded = decode::check(input, &source, limits, progress).await?;
    let rewritten = rewrite(input, &source, plan, work, limits, progress).await;
    let (video, plan) = rewritten.map_err(|failure| blamed(failure, decoded))?;
    let output = Input { path: &video, family: plan.container.family() };
    let finished = probe::probe(output, limits).await.map_err(ours)?;
    if plan.convert_video && integrity::ends_early(&source, finished.duration()) {
        return Err(blamed(ours(Rejection::Undecodable.into()), decoded));
    }
    let poster = poster::take(output, &finished, work, limits, progress).await?;
    let sprite = sprite::make(output, &finished, work, limits, progress).await?;
    let (sha256, size) = digest::sha256(&video, progress).await?;
    progress.finish();
    let (width, height) = finished.displayed();
    Ok(Finalized {
        video,
        poster,
        sprite,
        size,
        sha256,
        content_type: plan.container.content_type().to_owned(),
        duration_ms: i64::try_from(finished.duration().as_millis()).unwrap_or(i64::MAX),
        width: i32::try_from(width).unwrap_or(i32::MAX),
        height: i32::try_from(height).unwrap_or(i32::MAX),
    })
}

/// By the plan, or by converting everything where a muxer does not take the streams as they are.
async fn rewrite(
    input: Input<'_>,
    source: &Source,
    plan: Plan,
    work: &Path,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<(PathBuf, Plan), Failure> {
    match remux::remux(input, source, plan, work, limits, progress).await {
        Err(Failure::Tool(ToolError::Failed { reason, .. }))
            if let Some(second) = plan.instead(limits) =>
        {
            tracing::warn!(%reason, "a video can't be copied into another container: converting it");
            progress.will_convert();
            let video = remux::remux(input, source, second, work, limits, progress).await?;
            Ok((video, second))
        }
        rewritten => Ok((rewritten?, plan)),
    }
}

/// A tool's failure is the file's where its own decoder found fault with it as well.
fn blamed(failure: Failure, decoded: Decoded) -> Failure {
    match failure {
        Failure::Tool(ToolError::Failed { .. }) if decoded.has_faults => Rejection::Damaged.into(),
        failure => failure,
    }
}

/// What is wrong with a file that we wrote is no fault of the upload.
fn ours(failure: Failure) -> Failure {
    match failure {
        Failure::Rejected(reason) => {
            let (program, work) = ("ffmpeg".to_owned(), "rewriting it".to_owned());
            ToolError::Failed { program, work, reason: format!("the result is refused: {reason}") }
                .into()
        }
        failure @ Failure::Tool(_) => failure,
    }
}

/// Fails where the programs that finish videos are not here, or can't do what is configured.
pub async fn check_tools(limits: &Limits) -> Result<(), Unfit> {
    tools::find()?;
    tools::compare(limits).await
}

/// Finishes a film that is known to be good, in a folder that may be written.
pub async fn try_out_tools(folder: &Path, limits: &Limits) -> Result<(), Unfit> {
    tools::try_out(folder, limits).await
}

async fn inspect_bytes(input: &Path, limits: &Limits) -> Result<sniff::Family, Failure> {
    let size = tokio::fs::metadata(input).await?.len();
    if size > limits.max_bytes {
        return Err(Rejection::TooLarge { size, max: limits.max_bytes }.into());
    }
    let family = sniff::sniff(&sniff::opening(input).await?)?;
    if !limits.containers.contains(&family) {
        return Err(Rejection::Container { container: family.name().to_uppercase() }.into());
    }
    Ok(family)
}

async fn forget_earlier_try(output: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(output).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
