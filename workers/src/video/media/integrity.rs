//! Reads the whole upload once: a fast-start MP4 that is cut in half announces its full length, and only
//! reading finds the rest missing.

use std::iter;
use std::time::Duration;

use super::Failure;
use super::limits::Limits;
use super::probe::Source;
use super::progress::{FinishingProgress, Stage};
use super::rejection::Rejection;
use super::sandbox::{self, Input};
use super::structure::Shortfall;

/// What reading found.
struct Reading {
    clean: bool,
    premature_end: bool,
    pictures: bool,
    time: Duration,
}

/// Every packet of the chosen streams, without decoding.
pub(super) async fn read_through(
    input: Input<'_>,
    source: &Source,
    shortfall: Option<Shortfall>,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<(), Failure> {
    let strict = read(input, source, limits, progress).await?;
    let sound = strict.clean && !strict.premature_end && shortfall.is_none();
    if !sound || ends_early(source, strict.time) {
        // ffmpeg stops at the first fault, and its clock lags where pictures are few: only packets tell.
        let played = played(input, source, limits).await?;
        if !sound || ends_early(source, played) {
            return Err(verdict(source, shortfall, strict.premature_end, played).into());
        }
    }
    if !strict.pictures {
        return Err(Rejection::NoPictures.into());
    }
    Ok(limits.check_duration(strict.time)?)
}

fn verdict(
    source: &Source,
    shortfall: Option<Shortfall>,
    premature_end: bool,
    read: Duration,
) -> Rejection {
    match (source.announced, shortfall) {
        (Some(announced), _) if ends_early(source, read) => Rejection::CutOff { announced, read },
        (Some(announced), None) if premature_end && read < announced => {
            Rejection::CutOff { announced, read }
        }
        (_, Some(shortfall)) => shortfall.into(),
        (_, None) => Rejection::Damaged,
    }
}

/// Containers round, and don't count the last picture's own time; a cut that stays below this is found
/// by its half packet or by the announced size.
pub(super) fn ends_early(source: &Source, read: Duration) -> bool {
    source
        .announced
        .is_some_and(|announced| read + Duration::from_secs(1).max(announced / 20) < announced)
}

async fn read(
    input: Input<'_>,
    source: &Source,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<Reading, Failure> {
    let (mut time, mut pictures) = (Duration::ZERO, false);
    let options = mapped(source);
    let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
    options.extend(["-c", "copy", "-f", "null"]);
    let outcome = sandbox::ffmpeg(&["-xerror"], input, &options, None, limits, |line| {
        pictures |= line.strip_prefix("frame=").is_some_and(|count| count.trim() != "0");
        if let Some(reached) = out_time(line) {
            time = time.max(reached);
            progress.report_time(Stage::Read, time, source.duration());
        }
    });
    let outcome = outcome.await?;
    outcome.blame()?;
    Ok(Reading {
        clean: outcome.success,
        premature_end: outcome.symptoms.premature_end,
        pictures,
        time,
    })
}

/// When the last packet ends that is there to be read.
async fn played(input: Input<'_>, source: &Source, limits: &Limits) -> Result<Duration, Failure> {
    const ENTRIES: &str = "packet=stream_index,pts_time,duration_time";
    let options = ["-print_format", "csv=print_section=0", "-show_entries", ENTRIES];
    let (mut start, mut end) = (0.0_f64, 0.0_f64);
    let outcome = sandbox::ffprobe(input, &options, limits, |line| {
        let Some((index, from, to)) = packet(line) else { return };
        if chosen(source).any(|chosen| chosen == index) {
            (start, end) = (start.min(from), end.max(to));
        }
    });
    outcome.await?.blame()?;
    Ok(Duration::try_from_secs_f64(end - start).unwrap_or_default())
}

/// `0,1.960000,0.040000`: stream, presentation time, duration, of which the last may be `N/A`.
fn packet(line: &str) -> Option<(u32, f64, f64)> {
    let mut fields = line.split(',');
    let (index, from) = (fields.next()?.parse().ok()?, fields.next()?.parse::<f64>().ok()?);
    let duration: f64 =
        fields.next().and_then(|field| field.trim().parse().ok()).unwrap_or_default();
    Some((index, from, from + duration))
}

/// The streams that the finished file will have: subtitles, data and covers stay behind.
fn chosen(source: &Source) -> impl Iterator<Item = u32> {
    iter::once(source.video.index).chain(source.audio.as_ref().map(|audio| audio.index))
}

/// [`chosen`], as options for ffmpeg.
pub(super) fn mapped(source: &Source) -> Vec<String> {
    chosen(source).flat_map(|index| ["-map".to_owned(), format!("0:{index}")]).collect()
}

/// `out_time_us=1234567`; the key `out_time_ms` has microseconds as well.
pub(super) fn out_time(line: &str) -> Option<Duration> {
    line.strip_prefix("out_time_us=")?.trim().parse().ok().map(Duration::from_micros)
}
