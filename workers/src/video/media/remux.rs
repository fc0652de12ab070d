//! Copies the streams into a fresh file whose index comes first, so that playing starts at once.

use std::path::{Path, PathBuf};

use super::Failure;
use super::codec::Container;
use super::integrity::{mapped, out_time};
use super::limits::Limits;
use super::probe::{Source, refuse_oversized};
use super::progress::{Progress, Stage};
use super::rejection::Rejection;
use super::sandbox;

/// Drops what could tell about the maker, and whatever would differ between two runs.
const CLEAN: [&str; 12] = [
    "-c",
    "copy",
    "-map_metadata",
    "-1",
    "-map_chapters",
    "-1",
    "-sn",
    "-dn",
    "-fflags",
    "+bitexact",
    "-max_muxing_queue_size",
    "4096",
];

pub(super) async fn remux(
    input: &Path,
    source: &Source,
    container: Container,
    work: &Path,
    limits: &Limits,
    progress: &Progress<'_>,
) -> Result<PathBuf, Failure> {
    let output = work.join("video").with_extension(container.extension());
    let streams = mapped(source);
    let mut options: Vec<&str> = streams.iter().map(String::as_str).collect();
    options.extend(CLEAN);
    options.extend(muxer(container, source));
    progress.report(Stage::Remux, 0.0);
    let outcome = sandbox::ffmpeg(&[], input, &options, Some(&output), limits, |line| {
        if let Some(reached) = out_time(line) {
            progress.report_time(Stage::Remux, reached, source.duration());
        }
    });
    let outcome = outcome.await?;
    refuse_oversized(&outcome)?;
    if outcome.success { Ok(output) } else { Err(Rejection::Damaged.into()) }
}

fn muxer(container: Container, source: &Source) -> Vec<&'static str> {
    match container {
        // Safari plays HEVC only under this tag.
        Container::Mp4 if source.video.codec == "hevc" => [MP4, &["-tag:v", "hvc1"]].concat(),
        Container::Mp4 => MP4.to_vec(),
        Container::Webm => vec!["-f", "webm", "-cues_to_front", "1"],
    }
}

const MP4: &[&str] = &["-f", "mp4", "-movflags", "+faststart", "-write_tmcd", "0"];
