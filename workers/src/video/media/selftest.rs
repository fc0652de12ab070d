//! Finishes a film of ours, which is known to be good.
//!
//! A tool that fails on an upload may itself be at fault: it was replaced, lacks an encoder, refuses an
//! option, can't be confined. So no upload is refused for what a tool said unless the same tools finish
//! this film at that moment.

use std::path::Path;

use super::codec::{Container, Plan};
use super::limits::Limits;
use super::progress::FinishingProgress;
use super::sandbox::{Input, ToolError};
use super::sniff::Family;
use super::{Failure, decode, poster, probe, remux};

/// One second of H.264 and AAC, made by
/// `ffmpeg -f lavfi -i testsrc=size=64x48:rate=5:duration=1 -f lavfi -i sine=sample_rate=8000:duration=1
/// -c:v libx264 -preset veryslow -crf 45 -pix_fmt yuv420p -g 5 -x264-params no-info=1 -c:a aac -b:a 8k
/// -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -movflags +faststart sample.mp4`.
const SAMPLE: &[u8] = include_bytes!("sample.mp4");

/// Works in a folder of its own below `work`.
pub(super) async fn run(work: &Path, limits: &Limits) -> Result<(), ToolError> {
    let folder = work.join("selftest");
    tokio::fs::create_dir_all(&folder).await?;
    let sample = folder.join("sample.mp4");
    tokio::fs::write(&sample, SAMPLE).await?;
    let tried = finish(Input { path: &sample, family: Family::Mp4 }, &folder, limits).await;
    tokio::fs::remove_dir_all(&folder).await?;
    tried.map_err(|failure| match failure {
        Failure::Tool(error) => error,
        Failure::Rejected(reason) => ToolError::Broken(reason.to_string()),
    })
}

async fn finish(sample: Input<'_>, folder: &Path, limits: &Limits) -> Result<(), Failure> {
    let progress = FinishingProgress::new(&|_| ());
    let Limits { max_pixels, max_side, max_output_bytes, .. } = Limits::default();
    let limits = &Limits { max_pixels, max_side, max_output_bytes, ..limits.clone() };
    let source = probe::probe(sample, limits).await?;
    decode::check(sample, &source, limits, &progress).await?;
    let (convert_video, convert_audio) = (limits.transcode, limits.transcode);
    let plan = Plan { container: Container::Mp4, convert_video, convert_audio };
    let video = remux::remux(sample, &source, plan, folder, limits, &progress).await?;
    let finished = Input { path: &video, family: Family::Mp4 };
    let source = probe::probe(finished, limits).await?;
    poster::take(finished, &source, folder, limits, &progress).await?;
    Ok(())
}
