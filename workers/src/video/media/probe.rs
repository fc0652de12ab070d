//! What ffprobe finds in a file: the streams that count, and how long they say they are.

use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use super::limits::Limits;
use super::rejection::Rejection;
use super::sandbox::{self, Input};

/// Only these fields: titles and comments are the uploader's text, and of no use here.
const ENTRIES: &str = "format=duration\
    :stream=index,codec_type,codec_name,width,height,pix_fmt,duration,sample_aspect_ratio\
    :stream_disposition=attached_pic,still_image,timed_thumbnails\
    :stream_side_data=rotation:stream_tags=DURATION";

/// A file with a thousand streams stays below this; what is cut off here doesn't parse, and is refused.
const MAX_JSON: usize = 1 << 20;

/// A file with moving pictures.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) video: VideoStream,
    /// The first sound, if there is any.
    pub(super) audio: Option<AudioStream>,
    /// What the file announces; live recordings don't.
    pub(super) announced: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct VideoStream {
    pub(super) index: u32,
    pub(super) codec: String,
    /// In ffmpeg's words, such as `yuv420p`.
    pub(super) pixel_format: String,
    /// Pixels as stored.
    pub(super) width: u32,
    /// Pixels as stored.
    pub(super) height: u32,
    /// A quarter turn either way.
    sideways: bool,
    /// Width to height of one pixel.
    pixel: f64,
}

#[derive(Clone, Debug)]
pub(super) struct AudioStream {
    pub(super) index: u32,
    pub(super) codec: String,
}

impl Source {
    pub(super) fn duration(&self) -> Duration {
        self.announced.unwrap_or_default()
    }

    /// Whether it announces no more than it may have.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Rejection> {
        limits.check_duration(self.duration())?;
        limits.check_picture(self.video.width, self.video.height)
    }

    /// Width and height on the screen.
    pub(super) fn displayed(&self) -> (u32, u32) {
        let width = stretched(self.video.width, self.video.pixel);
        if self.video.sideways { (self.video.height, width) } else { (width, self.video.height) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a picture's width is far below u32::MAX"
)]
fn stretched(width: u32, pixel: f64) -> u32 {
    (f64::from(width) * pixel).round() as u32
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    streams: Vec<Stream>,
    format: Timed,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timed {
    duration: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    duration: Option<String>,
    sample_aspect_ratio: Option<String>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
    tags: Tags,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
    still_image: u8,
    timed_thumbnails: u8,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tags {
    #[serde(rename = "DURATION")]
    duration: Option<String>,
}

/// Asks ffprobe, and refuses what has no moving pictures.
pub(super) async fn probe(input: Input<'_>, limits: &Limits) -> Result<Source, Failure> {
    let options = ["-print_format", "json=compact=1", "-show_entries", ENTRIES];
    let mut json = String::new();
    let outcome = sandbox::ffprobe(input, &options, limits, |line| {
        if json.len() < MAX_JSON {
            json.push_str(line);
        }
    });
    let outcome = outcome.await?;
    outcome.blame()?;
    if !outcome.success {
        return Err(Rejection::Unreadable.into());
    }
    let document: Document = serde_json::from_str(&json).map_err(|error| {
        tracing::warn!(%error, "ffprobe's answer can't be read");
        Rejection::Unreadable
    })?;
    let source = source(&document)?;
    limits.check_picture(source.video.width, source.video.height)?;
    Ok(source)
}

fn source(document: &Document) -> Result<Source, Rejection> {
    let of_type = |kind: &'static str| {
        document.streams.iter().filter(move |stream| stream.codec_type == kind)
    };
    let sound = of_type("audio").next();
    let Some(video) = of_type("video").find(|stream| stream.moves()) else {
        return Err(match (of_type("video").next(), sound) {
            (Some(_), _) => Rejection::OnlyStill,
            (None, Some(_)) => Rejection::OnlySound,
            (None, None) => Rejection::NoPictures,
        });
    };
    let streams = [Some(video), sound];
    let announced = streams.into_iter().flatten().filter_map(Stream::announced).max();
    Ok(Source {
        video: video.pictures(),
        audio: sound
            .map(|stream| AudioStream { index: stream.index, codec: stream.codec_name.clone() }),
        announced: announced.or_else(|| document.format.duration.as_deref().and_then(seconds)),
    })
}

impl Stream {
    fn moves(&self) -> bool {
        let Disposition { attached_pic, still_image, timed_thumbnails } = self.disposition;
        attached_pic == 0 && still_image == 0 && timed_thumbnails == 0
    }

    fn announced(&self) -> Option<Duration> {
        let stated = self.duration.as_deref().and_then(seconds);
        stated.or_else(|| self.tags.duration.as_deref().and_then(clock))
    }

    fn pictures(&self) -> VideoStream {
        let turned = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or_default();
        VideoStream {
            index: self.index,
            codec: self.codec_name.clone(),
            pixel_format: self.pix_fmt.clone(),
            width: self.width,
            height: self.height,
            sideways: (turned.abs() % 180.0 - 90.0).abs() < 45.0,
            pixel: self.sample_aspect_ratio.as_deref().and_then(ratio).unwrap_or(1.0),
        }
    }
}

/// `1.250000`
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok().filter(|duration| !duration.is_zero())
}

/// `00:01:02.500000000`, as Matroska's muxers tag their streams.
fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.trim().splitn(3, ':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let rest = Duration::try_from_secs_f64(parts.next()?.parse().ok()?).ok()?;
    rest.checked_add(Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60))
}

/// `4:3`; a shape beyond what cameras make is nonsense, and taken as square.
fn ratio(text: &str) -> Option<f64> {
    let (across, down) = text.split_once(':')?;
    let ratio = f64::from(across.parse::<u32>().ok()?) / f64::from(down.parse::<u32>().ok()?);
    (0.25..=4.0).contains(&ratio).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shapes_are_read_or_ignored() {
        assert_eq!(clock("00:01:02.500000000"), Some(Duration::from_millis(62_500)));
        assert_eq!((clock("soon"), clock("1:2"), clock("0:0:-1")), (None, None, None));
        assert_eq!((seconds("N/A"), seconds("-1"), seconds("inf")), (None, None, None));
        assert_eq!(
            (ratio("0:1"), ratio("1:0"), ratio("99:1"), ratio("4:2")),
            (None, None, None, Some(2.0))
        );
    }
}
