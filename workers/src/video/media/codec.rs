//! What becomes of a video's streams, and in which container they leave.
//!
//! A stream is copied where a copy plays in browsers, and converted otherwise, each for itself. H.264 with
//! 8 bits and 4:2:0, VP8, VP9 and AV1 play nearly everywhere. HEVC is what iPhones record, and plays in
//! Safari and, with hardware, in Chrome, Edge and Firefox: most people see a copy as it was, and converting
//! it would cost everybody quality and us hours. Other bit depths and 4:2:2 play nowhere that counts.
//! FLAC becomes AAC: in MP4 ffmpeg 5 writes it only as an experiment, and browsers differ in playing it.

use super::limits::Limits;
use super::probe::{AudioStream, Source, VideoStream};
use super::rejection::Rejection;
use super::sniff::Family;

/// What the finished file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Mp4,
    Webm,
}

/// How the streams get into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) container: Container,
    /// To H.264, instead of being copied.
    pub(super) convert_video: bool,
    /// To AAC, or to Opus in WebM, instead of being copied.
    pub(super) convert_audio: bool,
}

impl Plan {
    pub(super) fn converts(self) -> bool {
        self.convert_video || self.convert_audio
    }

    /// The conversion of everything, for streams that a muxer turned out not to take as they are.
    pub(super) fn instead(self, limits: &Limits) -> Option<Self> {
        let copies = !self.convert_video || !self.convert_audio;
        let everything =
            Self { container: Container::Mp4, convert_video: true, convert_audio: true };
        (copies && limits.transcode).then_some(everything)
    }
}

impl Container {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::Mp4 => Family::Mp4,
            Self::Webm => Family::Matroska,
        }
    }

    fn holds_video(self, codec: &str) -> bool {
        match self {
            Self::Mp4 => matches!(codec, "h264" | "hevc" | "vp9" | "av1"),
            Self::Webm => matches!(codec, "vp8" | "vp9" | "av1"),
        }
    }

    fn holds_audio(self, codec: &str) -> bool {
        match self {
            Self::Mp4 => matches!(codec, "aac" | "mp3" | "opus"),
            Self::Webm => matches!(codec, "opus" | "vorbis"),
        }
    }
}

/// Decides for these streams: copies before conversions, and the container they came in before others.
pub(super) fn plan(family: Family, source: &Source, limits: &Limits) -> Result<Plan, Rejection> {
    let (video, audio) = (&source.video, source.audio.as_ref());
    if !limits.take(&video.codec) {
        return Err(Rejection::VideoCodec { codec: name(&video.codec) });
    }
    let unheard = |audio: &AudioStream| Rejection::AudioCodec {
        audio: name(&audio.codec),
        video: name(&video.codec),
    };
    if let Some(audio) = audio.filter(|audio| !limits.take(&audio.codec)) {
        return Err(unheard(audio));
    }
    if let Some(audio) = audio.filter(|audio| is_lost_in(family, audio)) {
        return Err(Rejection::SoundInAvi { audio: name(&audio.codec) });
    }
    let plan = copied(family, video, audio).unwrap_or(Plan {
        container: Container::Mp4,
        convert_video: true,
        convert_audio: audio.is_some_and(|audio| !audio_is_fit(family, audio)),
    });
    match (plan.convert_video, audio.filter(|_| plan.convert_audio)) {
        (true, _) if !limits.transcode => Err(Rejection::VideoCodec { codec: described(video) }),
        (_, Some(audio)) if !limits.transcode => Err(unheard(audio)),
        _ => Ok(plan),
    }
}

/// How pictures that play as they are leave, whether or not their sound does.
fn copied(family: Family, video: &VideoStream, audio: Option<&AudioStream>) -> Option<Plan> {
    let order = match family {
        Family::Matroska => [Container::Webm, Container::Mp4],
        Family::Mp4 | Family::MpegTs => [Container::Mp4, Container::Webm],
        // Says nothing of when a picture is shown; a copy would have to make that up.
        Family::Avi => return None,
    };
    let plays = plays(video);
    let fitting =
        order.into_iter().filter(|container| plays && container.holds_video(&video.codec));
    let plan = |container, convert_audio| Plan { container, convert_video: false, convert_audio };
    let Some(audio) = audio else {
        return fitting.clone().next().map(|container| plan(container, false));
    };
    let mut whole = fitting.clone().filter(|container| container.holds_audio(&audio.codec));
    whole
        .next()
        .map(|container| plan(container, false))
        .or_else(|| fitting.clone().next().map(|container| plan(container, true)))
}

/// AVI keeps nothing of what a decoder of FLAC needs to begin.
fn is_lost_in(family: Family, audio: &AudioStream) -> bool {
    family == Family::Avi && audio.codec == "flac"
}

fn audio_is_fit(family: Family, audio: &AudioStream) -> bool {
    family != Family::Avi && Container::Mp4.holds_audio(&audio.codec)
}

fn plays(video: &VideoStream) -> bool {
    matches!(
        (video.codec.as_str(), video.pixel_format.as_str()),
        (_, "yuv420p" | "yuvj420p") | ("vp8", _) | ("hevc" | "vp9" | "av1", "yuv420p10le")
    )
}

/// The codec, and its pixels where these are at fault.
fn described(video: &VideoStream) -> String {
    let playable = [Container::Mp4, Container::Webm].iter().any(|c| c.holds_video(&video.codec));
    if playable {
        return format!("{} with {} pixels", name(&video.codec), video.pixel_format);
    }
    name(&video.codec)
}

fn name(codec: &str) -> String {
    let known = match codec {
        "h264" => "H.264",
        "mpeg4" => "MPEG-4 Visual",
        "mpeg1video" | "mpeg2video" => "MPEG-1 or MPEG-2",
        "mjpeg" => "Motion JPEG",
        "prores" => "ProRes",
        "theora" => "Theora",
        "ac3" | "eac3" => "Dolby Digital",
        "dts" => "DTS",
        "opus" => "Opus",
        "vorbis" => "Vorbis",
        pcm if pcm.starts_with("pcm_") => "uncompressed PCM",
        "" => "an unknown codec",
        other => return other.to_uppercase(),
    };
    known.to_owned()
}
