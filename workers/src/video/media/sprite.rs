//! Small pictures all along the video, in one file, and where each of them is.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Failure;
use super::limits::Limits;
use super::probe::Source;
use super::progress::{FinishingProgress, Stage};
use super::sandbox::{self, Input};

/// What a player shows while one looks for a place in the video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sprite {
    /// A JPEG of up to 100 pictures, ten in a row.
    pub picture: PathBuf,
    /// WebVTT: from when to when which part of the picture stands.
    pub cues: PathBuf,
}

/// How the pictures lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    tiles: u32,
    /// Pixels across and down, of each.
    size: (u32, u32),
    /// For how long each stands.
    step: Duration,
}

const COLUMNS: u32 = 10;
const MOST: u32 = 100;
/// Pixels on the longer side.
const SIDE: u32 = 160;
/// Processor time; a video of whole pictures alone takes longer to look through than thumbnails are worth.
const CPU_LIMIT: Duration = Duration::from_mins(1);

const JPEG: &[&str] = &[
    "-frames:v",
    "1",
    "-c:v",
    "mjpeg",
    "-q:v",
    "5",
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

/// Made of the pictures that stand for themselves, which is quick. A video can do without: whatever is
/// wrong with one whose poster could be taken, it gets no thumbnails.
pub(super) async fn make(
    video: Input<'_>,
    source: &Source,
    work: &Path,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<Option<Sprite>, Failure> {
    let (picture, cues) = (work.join("sprite.jpg"), work.join("sprite.vtt"));
    let Some(layout) = Layout::of(source) else { return Ok(None) };
    let limits = Limits { timeout: limits.timeout.min(CPU_LIMIT), ..limits.clone() };
    let stream = format!("0:{}", source.video.index);
    let filter = layout.filter();
    let options = [&["-map", &stream, "-vf", &filter], JPEG].concat();
    let whole_pictures = ["-discard", "nokey", "-skip_frame", "nokey"];
    progress.report(Stage::Sprite, 0.0);
    super::forget_earlier_try(&picture).await?;
    let outcome =
        sandbox::ffmpeg(&whole_pictures, video, &options, Some(&picture), &limits, |_| ()).await?;
    let written = tokio::fs::metadata(&picture).await.is_ok_and(|file| file.len() > 0);
    if outcome.blame().is_err() || !outcome.success || !written {
        tracing::warn!("a video gets no thumbnails");
        return Ok(None);
    }
    tokio::fs::write(&cues, layout.cues(source.duration())).await?;
    Ok(Some(Sprite { picture, cues }))
}

impl Layout {
    /// One picture a second, or a hundred in all.
    fn of(source: &Source) -> Option<Self> {
        let duration = source.duration();
        let seconds = u32::try_from(duration.as_millis().div_ceil(1000)).ok()?;
        let tiles = seconds.min(MOST);
        let step = duration.checked_div(tiles)?;
        let (width, height) = source.displayed();
        let longer = u64::from(width.max(height)).max(1);
        let scaled = |side: u32| {
            let pixels = u64::from(side) * u64::from(SIDE) / longer;
            u32::try_from(pixels).unwrap_or(SIDE).clamp(1, SIDE)
        };
        Some(Self { tiles, size: (scaled(width), scaled(height)), step })
    }

    fn grid(self) -> (u32, u32) {
        (self.tiles.min(COLUMNS), self.tiles.div_ceil(COLUMNS))
    }

    /// The last picture stands for what comes after it, and fills the last row.
    fn filter(self) -> String {
        let ((width, height), (columns, rows)) = (self.size, self.grid());
        let micros = self.step.as_micros().max(1);
        format!(
            "scale={width}:{height},setsar=1,tpad=stop=-1:stop_mode=clone,\
             fps=1000000/{micros}:start_time=0:round=down,tile={columns}x{rows}"
        )
    }

    fn cues(self, duration: Duration) -> String {
        let (width, height) = self.size;
        let mut text = "WEBVTT\n".to_owned();
        for tile in 0..self.tiles {
            let from = self.step * tile;
            let to = if tile + 1 == self.tiles { duration } else { self.step * (tile + 1) };
            let (x, y) = (tile % COLUMNS * width, tile / COLUMNS * height);
            let (from, to) = (clock(from), clock(to));
            // Writing to a string can't fail.
            let _ = write!(text, "\n{from} --> {to}\nsprite/#xywh={x},{y},{width},{height}\n");
        }
        text
    }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, time.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_follow_each_other_row_by_row_to_the_end() {
        let layout = Layout { tiles: 12, size: (160, 90), step: Duration::from_secs(1) };

        let cues = layout.cues(Duration::from_millis(11_700));

        assert!(cues.starts_with(
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite/#xywh=0,0,160,90\n\n00:00:01.000 --> "
        ));
        assert!(cues.ends_with("00:00:11.000 --> 00:00:11.700\nsprite/#xywh=160,90,160,90\n"));
        assert_eq!(layout.grid(), (10, 2));
        assert_eq!(clock(Duration::from_millis(3_723_004)), "01:02:03.004");
    }
}
