//! Puts the streams into a fresh file whose index comes first, so that playing starts at once; converts
//! what browsers can't play.

use std::path::{Path, PathBuf};

use super::Failure;
use super::codec::{Container, Plan};
use super::integrity::{mapped, out_time};
use super::limits::Limits;
use super::probe::Source;
use super::progress::{FinishingProgress, Stage};
use super::sandbox::{self, Input};

/// Drops what could tell about the maker, and whatever would differ between two runs.
const CLEAN: &[&str] = &[
    "-map_metadata",
    "-1",
    "-map_chapters",
    "-1",
    "-sn",
    "-dn",
    "-fflags",
    "+bitexact",
    "-flags:v",
    "+bitexact",
    "-flags:a",
    "+bitexact",
    "-max_muxing_queue_size",
    "4096",
];

const MP4: &[&str] = &["-f", "mp4", "-movflags", "+faststart", "-write_tmcd", "0"];

/// Square pixels in even numbers, at most 1920 either way; ffmpeg turns by the rotation itself.
const PICTURES: &str = "yadif=deint=interlaced,\
    scale='max(2,trunc(iw*if(between(sar,1/4,4),sar,1)))':ih,setsar=1,\
    scale=w='min(1920,iw)':h='min(1920,ih)':force_original_aspect_ratio=decrease,\
    scale='max(2,trunc(iw/2)*2)':'max(2,trunc(ih/2)*2)',format=yuv420p";

/// A whole picture every 2 seconds, for seeking and thumbnails.
const H264: &[&str] = &[
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "23",
    "-fpsmax",
    "60",
    "-force_key_frames",
    "expr:gte(t,n_forced*2)",
];

/// Stereo at most: `aformat` takes the nearest of these.
const STEREO: &[&str] = &["-af", "aformat=sample_rates=48000:channel_layouts=stereo|mono"];

pub(super) async fn remux(
    input: Input<'_>,
    source: &Source,
    plan: Plan,
    work: &Path,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<PathBuf, Failure> {
    let output = work.join("video").with_extension(plan.container.extension());
    let streams = mapped(source);
    let threads = limits.transcode_threads.to_string();
    let mut options: Vec<&str> = streams.iter().map(String::as_str).collect();
    options.extend(pictures(plan, &threads));
    options.extend(sound(plan));
    options.extend(CLEAN);
    options.extend(muxer(plan, source));
    let limits = if plan.converts() { limits.for_transcode() } else { limits.clone() };
    progress.report(Stage::Remux, 0.0);
    let outcome = sandbox::ffmpeg(&[], input, &options, Some(&output), &limits, |line| {
        if let Some(reached) = out_time(line) {
            progress.report_time(Stage::Remux, reached, source.duration());
        }
    });
    let outcome = outcome.await?;
    outcome.blame()?;
    if outcome.success { Ok(output) } else { Err(outcome.failed("ffmpeg", "rewriting it").into()) }
}

fn pictures(plan: Plan, threads: &str) -> Vec<&str> {
    if plan.convert_video {
        [H264, &["-vf", PICTURES, "-threads:v", threads]].concat()
    } else {
        vec!["-c:v", "copy"]
    }
}

fn sound(plan: Plan) -> Vec<&'static str> {
    match (plan.convert_audio, plan.container) {
        (false, _) => vec!["-c:a", "copy"],
        (true, Container::Mp4) => [&["-c:a", "aac", "-b:a", "160k"], STEREO].concat(),
        (true, Container::Webm) => [&["-c:a", "libopus", "-b:a", "128k"], STEREO].concat(),
    }
}

fn muxer(plan: Plan, source: &Source) -> Vec<&'static str> {
    match plan.container {
        // Safari plays HEVC only under this tag.
        Container::Mp4 if !plan.convert_video && source.video.codec == "hevc" => {
            [MP4, &["-tag:v", "hvc1"]].concat()
        }
        Container::Mp4 => MP4.to_vec(),
        Container::Webm => vec!["-f", "webm", "-cues_to_front", "1"],
    }
}
