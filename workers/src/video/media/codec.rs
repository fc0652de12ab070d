//! Which codecs pass, and in which container they leave.
//!
//! Until there is a transcode, a video passes when a copy of its streams plays in browsers. H.264, VP8,
//! VP9 and AV1 play nearly everywhere; HEVC is what iPhones record, and plays in Safari and, with
//! hardware, in Chrome and Edge. MPEG-4 Visual, MJPEG, ProRes and the like play nowhere, so they are
//! refused rather than published as a black picture. The same goes for sound: dropping what a browser
//! can't play would publish another video than the one that was judged.

use super::probe::Source;
use super::rejection::Rejection;
use super::sniff::Family;

/// What the finished file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Mp4,
    Webm,
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

    fn holds_video(self, codec: &str) -> bool {
        match self {
            Self::Mp4 => matches!(codec, "h264" | "hevc" | "vp9" | "av1"),
            Self::Webm => matches!(codec, "vp8" | "vp9" | "av1"),
        }
    }

    fn holds_audio(self, codec: &str) -> bool {
        match self {
            Self::Mp4 => matches!(codec, "aac" | "mp3" | "opus" | "flac"),
            Self::Webm => matches!(codec, "opus" | "vorbis"),
        }
    }
}

/// The container for these streams: the one they came in, if it can be.
pub(super) fn container(family: Family, source: &Source) -> Result<Container, Rejection> {
    let order = match family {
        Family::Mp4 => [Container::Mp4, Container::Webm],
        Family::Matroska => [Container::Webm, Container::Mp4],
    };
    let video = source.video.codec.as_str();
    let mut fitting = order.into_iter().filter(|container| container.holds_video(video)).peekable();
    if fitting.peek().is_none() {
        return Err(Rejection::VideoCodec { codec: name(video) });
    }
    let Some(audio) = source.audio.as_ref().map(|audio| audio.codec.as_str()) else {
        return fitting.next().ok_or(Rejection::Unreadable);
    };
    fitting
        .find(|container| container.holds_audio(audio))
        .ok_or_else(|| Rejection::AudioCodec { audio: name(audio), video: name(video) })
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
