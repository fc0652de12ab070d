//! What the owner of a product reads when the video is refused.

use std::fmt;
use std::time::Duration;

/// Why the uploaded bytes can't become a video. `Display` is a whole sentence for the owner: it names
/// neither paths nor tools, and quotes nothing that the file itself says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Nothing was uploaded.
    #[error("The file is empty.")]
    Empty,
    /// The bytes are known to be something else.
    #[error("The file is not a video: its bytes are those of {what}.")]
    NotVideo {
        /// With its article, as in "a Windows program".
        what: String,
    },
    /// The bytes are nothing that we know.
    #[error("The file is not a video: its bytes match no known format.")]
    Unrecognised,
    /// A video in a wrapping that is not read.
    #[error("The video comes as {container}, which is not accepted: please send MP4, MOV or WebM.")]
    Container {
        /// The common name of the format.
        container: String,
    },
    /// More bytes than allowed.
    #[error("The file has {}; at most {} are allowed.", bytes(*size), bytes(*max))]
    TooLarge {
        /// Bytes uploaded.
        size: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The index is missing or nonsense.
    #[error("The video can't be read: its index is missing or damaged.")]
    Unreadable,
    /// Audio in a video's wrapping.
    #[error("The file is not a video: it holds only sound.")]
    OnlySound,
    /// A cover picture, with or without sound.
    #[error("The file is not a video: it holds only a still picture.")]
    OnlyStill,
    /// Neither pictures nor sound.
    #[error("The file is not a video: it holds no pictures.")]
    NoPictures,
    /// Browsers can't show it.
    #[error(
        "The pictures are coded as {codec}, which browsers can't play: please use H.264, HEVC, VP8, VP9 or AV1."
    )]
    VideoCodec {
        /// The common name of the codec.
        codec: String,
    },
    /// Browsers can't play it, or not beside these pictures.
    #[error(
        "The sound is coded as {audio}, which browsers can't play beside {video} pictures: \
         please use AAC, MP3 or Opus with H.264, and Opus or Vorbis with VP8."
    )]
    AudioCodec {
        /// The common name of the audio codec.
        audio: String,
        /// The common name of the video codec.
        video: String,
    },
    /// AVI does not keep what a decoder of this sound needs.
    #[error(
        "The sound is coded as {audio}, which can't be read from AVI: please send it as MKV or MP4."
    )]
    SoundInAvi {
        /// The common name of the audio codec.
        audio: String,
    },
    /// It plays for longer than allowed.
    #[error("The video is {} long; at most {} are allowed.", seconds(*duration), seconds(*max))]
    TooLong {
        /// Playing time.
        duration: Duration,
        /// Playing time allowed.
        max: Duration,
    },
    /// Its pictures are larger than allowed.
    #[error("The pictures are too large: {width} × {height} pixels.")]
    TooManyPixels {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// It ends before its announced time.
    #[error("The video is cut off: {} were announced, {} could be read.", seconds(*announced), seconds(*read))]
    CutOff {
        /// What the index says.
        announced: Duration,
        /// What the bytes held.
        read: Duration,
    },
    /// It ends before its announced size.
    #[error("The video is cut off: {} were announced, {} arrived.", bytes(*announced), bytes(*present))]
    CutOffBytes {
        /// What the container says.
        announced: u64,
        /// What was uploaded.
        present: u64,
    },
    /// All there, but not as a player needs it.
    #[error("The video is damaged: it can't be read from beginning to end.")]
    Damaged,
    /// No picture decodes.
    #[error("The video is damaged: none of its pictures can be shown.")]
    NoPoster,
    /// The tools ran into their time limit.
    #[error(
        "The video takes longer to be read or converted than is allowed: please send it as H.264 in MP4."
    )]
    TooSlow,
    /// The finished file would be larger than allowed.
    #[error(
        "The video gets too large when it is rewritten: please send it with less detail, or shorter."
    )]
    TooLargeResult,
    /// Decoding it loses more than a player would shrug off.
    #[error("The video is damaged: {percent} % of its {part} can't be played.")]
    Lost {
        /// Of all pictures, or of all sound; rounded up.
        percent: u8,
        /// What is lost.
        part: Track,
    },
    /// The conversion lost most of it.
    #[error("The video is damaged: not all of its pictures can be shown.")]
    Undecodable,
    /// The tools ran into their memory limit.
    #[error("The video needs more memory to be read than is allowed.")]
    TooHeavy,
}

/// What of a video was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// What is seen.
    Pictures,
    /// What is heard.
    Sound,
}

impl fmt::Display for Track {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pictures => "pictures",
            Self::Sound => "sound",
        })
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn bytes(count: u64) -> String {
    let whole = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        1_000_000_000.. => format!("{} GB", whole(1_000_000_000)),
        1_000_000.. => format!("{} MB", whole(1_000_000)),
        1_000.. => format!("{} kB", whole(1_000)),
        _ => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_sentence_with_human_units() {
        let cut = Rejection::CutOff {
            announced: Duration::from_millis(12_340),
            read: Duration::from_millis(5_060),
        };
        let large = Rejection::TooLarge { size: 1_234_567_890, max: 1_000_000 };

        assert_eq!(
            cut.to_string(),
            "The video is cut off: 12.3 s were announced, 5.1 s could be read."
        );
        assert_eq!(large.to_string(), "The file has 1.2 GB; at most 1.0 MB are allowed.");
    }
}
