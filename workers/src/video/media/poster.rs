//! The picture that stands for the video until it plays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Failure;
use super::limits::Limits;
use super::probe::Source;
use super::progress::{FinishingProgress, Stage};
use super::sandbox::{self, Input, Outcome};

/// Pixels made square first, then at most 1280 on the longer side; ffmpeg turns by the rotation itself.
const SCALE: &str = "scale='max(1,trunc(iw*if(between(sar,1/4,4),sar,1)))':ih,setsar=1,\
    scale=w='min(1280,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease";

/// One picture, free of whatever would differ between two runs.
const JPEG: &[&str] = &[
    "-frames:v",
    "1",
    "-c:v",
    "mjpeg",
    "-q:v",
    "4",
    "-pix_fmt",
    "yuvj420p",
    "-threads",
    "1",
    "-map_metadata",
    "-1",
    "-fflags",
    "+bitexact",
    "-flags:v",
    "+bitexact",
    "-f",
    "image2",
    "-update",
    "1",
];

/// Takes a JPEG from a tenth into the finished file, since many begin in black; else the first that decodes.
pub(super) async fn take(
    video: Input<'_>,
    source: &Source,
    work: &Path,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<PathBuf, Failure> {
    let output = work.join("poster.jpg");
    progress.report(Stage::Poster, 0.0);
    if !shoot(video, source, source.duration() / 10, &output, limits).await?.1 {
        let (outcome, written) = shoot(video, source, Duration::ZERO, &output, limits).await?;
        if !written {
            // Pictures were decoded before, so there are some.
            return Err(outcome.failed("ffmpeg", "taking a picture of it").into());
        }
    }
    progress.report(Stage::Poster, 1.0);
    Ok(output)
}

async fn shoot(
    video: Input<'_>,
    source: &Source,
    at: Duration,
    output: &Path,
    limits: &Limits,
) -> Result<(Outcome, bool), Failure> {
    let seek = format!("{:.3}", at.as_secs_f64());
    let stream = format!("0:{}", source.video.index);
    let options = [&["-map", &stream, "-vf", SCALE], JPEG].concat();
    super::forget_earlier_try(output).await?;
    let outcome =
        sandbox::ffmpeg(&["-ss", &seek], video, &options, Some(output), limits, |_| ()).await?;
    outcome.blame()?;
    // Without a picture at that time ffmpeg writes nothing, and calls it success.
    let written = tokio::fs::metadata(output).await.is_ok_and(|file| file.len() > 0);
    let taken = outcome.success && written;
    Ok((outcome, taken))
}
