//! Decodes what will be played: where bytes were lost inside a file its index and its packets are in place,
//! and only a decoder misses them.
//!
//! Everything is decoded for as long as [`WHOLE`] lasts; of what is longer, whole pictures are decoded to
//! the end. Players shrug off a broken picture or two, so a share of [`TOLERATED`] is let pass.

use std::time::Duration;

use super::Failure;
use super::limits::Limits;
use super::probe::Source;
use super::progress::{FinishingProgress, Stage};
use super::rejection::{Rejection, Track};
use super::sandbox::{self, Input, Outcome, ToolError};
use super::timeline::Timeline;

/// Processor time for decoding everything: about six minutes of 1080p.
const WHOLE: Duration = Duration::from_secs(30);
/// Processor time for decoding whole pictures alone, after that.
const WHOLE_PICTURES: Duration = Duration::from_mins(1);

/// One in so many pictures, or pieces of sound, may be lost.
const TOLERATED: usize = 50;
/// Pictures that may be lost however short the film is.
const FEW_PICTURES: usize = 4;
/// Pieces of sound that may be lost however short the film is: a quarter of a second in AAC.
const FEW_SOUNDS: usize = 12;
/// Seconds of a film that may be missing between packets, however short it is.
const SHORT_GAPS: f64 = 0.25;

/// What decoding found where it did not refuse the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// A decoder complained of something, which is let pass.
    pub(super) has_faults: bool,
}

/// How much is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Everything,
    WholePictures,
}

/// What ffprobe listed and said.
struct Survey {
    depth: Depth,
    pictures: Timeline,
    sound: Option<Timeline>,
    /// It came to the end of the file within its time.
    is_complete: bool,
    complaints: usize,
    fault: Option<Rejection>,
    announced: Option<Duration>,
}

/// Refuses a file of which too much can't be shown or heard.
pub(super) async fn check(
    input: Input<'_>,
    source: &Source,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<Decoded, Failure> {
    progress.report(Stage::Decode, 0.0);
    let everything = survey(input, source, Depth::Everything, limits, progress).await?;
    everything.judge()?;
    if everything.is_complete {
        return Ok(Decoded { has_faults: everything.complaints > 0 });
    }
    let rest = survey(input, source, Depth::WholePictures, limits, progress).await?;
    rest.judge()?;
    Ok(Decoded { has_faults: rest.complaints > 0 })
}

async fn survey(
    input: Input<'_>,
    source: &Source,
    depth: Depth,
    limits: &Limits,
    progress: &FinishingProgress<'_>,
) -> Result<Survey, Failure> {
    const ENTRIES: &str = "packet=stream_index,pts_time,dts_time,flags\
        :frame=stream_index,best_effort_timestamp_time";
    let listed = ["-print_format", "csv", "-show_entries", ENTRIES];
    let (options, patience): (Vec<&str>, _) = match depth {
        Depth::Everything => (listed.into(), WHOLE),
        Depth::WholePictures => ([&["-skip_frame", "nokey"], &listed[..]].concat(), WHOLE_PICTURES),
    };
    let limits = Limits { timeout: limits.timeout.min(patience), ..limits.clone() };
    let mut survey = Survey::new(source, depth);
    let outcome = sandbox::ffprobe(input, &options, &limits, |line| {
        if let Some(time) = survey.add(source, line) {
            progress.report_time(Stage::Decode, time, source.duration());
        }
    });
    let outcome = outcome.await;
    survey.end(outcome)?;
    Ok(survey)
}

impl Survey {
    fn new(source: &Source, depth: Depth) -> Self {
        Self {
            depth,
            pictures: Timeline::default(),
            sound: source.audio.as_ref().map(|_| Timeline::default()),
            is_complete: false,
            complaints: 0,
            fault: None,
            announced: source.announced,
        }
    }

    /// `packet,0,1.960000,1.920000,K__` or `frame,0,1.960000`; returns the time of a decoded picture.
    fn add(&mut self, source: &Source, line: &str) -> Option<Duration> {
        let mut fields = line.trim_end().split(',');
        let (kind, index) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        let of_sound = source.audio.as_ref().is_some_and(|audio| audio.index == index);
        let of_pictures = source.video.index == index;
        let only_whole = of_pictures && self.depth == Depth::WholePictures;
        let timeline = match &mut self.sound {
            Some(sound) if of_sound => sound,
            _ if of_pictures => &mut self.pictures,
            _ => return None,
        };
        let time = fields.next()?.parse::<f64>();
        if kind == "packet" {
            // AVI has no presentation times.
            let decoding = fields.next()?.parse::<f64>();
            timeline.expect(time.or(decoding).ok()?, fields.next()?, only_whole);
            return None;
        }
        let time = time.ok()?;
        timeline.show(time);
        of_pictures.then(|| Duration::try_from_secs_f64(time).ok())?
    }

    /// Running out of time, by the processor's clock or a busy machine's, ends the look and is no fault.
    fn end(&mut self, ended: Result<Outcome, ToolError>) -> Result<(), Failure> {
        self.pictures.sort();
        self.sound.iter_mut().for_each(Timeline::sort);
        let outcome = match ended {
            Err(ToolError::TimedOut { .. }) => return Ok(()),
            ended => ended?,
        };
        if outcome.is_out_of_time() {
            return Ok(());
        }
        outcome.blame()?;
        self.is_complete = true;
        self.complaints = outcome.symptoms.complaints;
        self.fault.clone_from(&outcome.symptoms.fault);
        if self.pictures.is_blank() && self.complaints == 0 {
            return Err(outcome.failed("ffprobe", "decoding").into());
        }
        Ok(())
    }

    fn judge(&self) -> Result<(), Rejection> {
        // Whatever is lost, the demuxer or the decoder says so.
        let is_faulty = self.complaints > 0;
        let verdict = self.verdict().filter(|_| is_faulty);
        verdict.map_or(Ok(()), |verdict| Err(self.fault.clone().unwrap_or(verdict)))
    }

    fn verdict(&self) -> Option<Rejection> {
        if self.is_complete && self.pictures.is_blank() {
            return Some(Rejection::NoPoster);
        }
        let lost_pictures = self.pictures.lost(self.is_complete);
        // A decoder that skips pictures may not show whole ones either, and says nothing then.
        let is_sure = self.depth == Depth::Everything || self.complaints >= lost_pictures;
        let pictures = || {
            let lost = lost_pictures.min(if is_sure { usize::MAX } else { 0 });
            share(lost, self.pictures.expected(), FEW_PICTURES, Track::Pictures)
        };
        let sound = || {
            let sound = self.sound.as_ref()?;
            share(sound.lost(self.is_complete), sound.expected(), FEW_SOUNDS, Track::Sound)
        };
        pictures().or_else(sound).or_else(|| self.missing())
    }

    /// Where a container lost packets: sound tells best, since pictures may come as they please.
    fn missing(&self) -> Option<Rejection> {
        let timeline = match (&self.sound, self.depth) {
            (Some(sound), _) => sound,
            (None, Depth::Everything) => &self.pictures,
            (None, Depth::WholePictures) => return None,
        };
        let announced = self.announced.filter(|_| self.is_complete).unwrap_or_default();
        let length = timeline.length();
        let after = announced.as_secs_f64() - length;
        let end = if after > 3.0 * timeline.usual_step() { after } else { 0.0 };
        let tolerated = (length / 50.0).max(SHORT_GAPS);
        (timeline.gaps() + end.max(0.0) > tolerated).then_some(Rejection::Damaged)
    }
}

/// Damage, where more is lost than is tolerated.
fn share(lost: usize, of: usize, few: usize, part: Track) -> Option<Rejection> {
    if lost <= few.max(of / TOLERATED) {
        return None;
    }
    let percent = u8::try_from((lost * 100).div_ceil(of.max(1))).unwrap_or(100);
    Some(Rejection::Lost { percent, part })
}
