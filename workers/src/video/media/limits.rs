//! How much one upload may ask of us, and what it may be.

use std::collections::BTreeSet;
use std::time::Duration;

use super::rejection::Rejection;
use super::sniff::Family;

/// What a video may be, and what the tools that read it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the upload.
    pub max_bytes: u64,
    /// Playing time.
    pub max_duration: Duration,
    /// Pixels of one picture; memory for decoding grows with it, whatever the file's size.
    pub max_pixels: u64,
    /// Pixels across, and down, as stored.
    pub max_side: u32,
    /// What it may come in.
    pub containers: BTreeSet<Family>,
    /// What pictures and sound may be coded as, in ffmpeg's words; `pcm` stands for all kinds of it.
    pub codecs: BTreeSet<String>,
    /// Processor time of one run of one tool; beyond it the input is at fault.
    pub timeout: Duration,
    /// Address space of one tool, in bytes.
    pub memory_bytes: u64,
    /// Bytes of the largest file that a tool may write.
    pub max_output_bytes: u64,
    /// Whether what browsers can't play is converted, or refused.
    pub transcode: bool,
    /// Processor time of one conversion.
    pub transcode_timeout: Duration,
    /// Threads that convert.
    pub transcode_threads: u32,
}

/// The codecs that cameras, phones and editing programs leave behind.
pub const CODECS: [&str; 29] = [
    "aac",
    "ac3",
    "alac",
    "amr_nb",
    "amr_wb",
    "av1",
    "dnxhd",
    "dvvideo",
    "eac3",
    "flac",
    "h263",
    "h264",
    "hevc",
    "mjpeg",
    "mp2",
    "mp3",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "msmpeg4v2",
    "msmpeg4v3",
    "opus",
    "pcm",
    "prores",
    "theora",
    "vc1",
    "vorbis",
    "vp8",
    "vp9",
];

impl Default for Limits {
    /// 8K video up to an hour and a gibibyte: one such picture takes about 50 MB decoded, and
    /// a decoder that keeps 16 of them stays well below 2 GiB.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_duration: Duration::from_hours(1),
            max_pixels: 8192 * 4320,
            max_side: 8192,
            containers: Family::ALL.into(),
            codecs: CODECS.map(str::to_owned).into(),
            timeout: Duration::from_mins(10),
            memory_bytes: 2 << 30,
            max_output_bytes: (1 << 30) + (64 << 20),
            transcode: true,
            transcode_timeout: Duration::from_hours(1),
            transcode_threads: 1,
        }
    }
}

impl Limits {
    pub(super) fn check_duration(&self, duration: Duration) -> Result<(), Rejection> {
        if duration > self.max_duration {
            return Err(Rejection::TooLong { duration, max: self.max_duration });
        }
        Ok(())
    }

    pub(super) fn check_picture(&self, width: u32, height: u32) -> Result<(), Rejection> {
        let fits = width.max(height) <= self.max_side
            && u64::from(width) * u64::from(height) <= self.max_pixels;
        if fits { Ok(()) } else { Err(Rejection::TooManyPixels { width, height }) }
    }

    pub(super) fn take(&self, codec: &str) -> bool {
        let codec = if codec.starts_with("pcm_") { "pcm" } else { codec };
        self.codecs.contains(codec)
    }

    /// For a tool that converts.
    pub(super) fn for_transcode(&self) -> Self {
        let timeout = self.transcode_timeout.saturating_mul(self.transcode_threads);
        Self { timeout, ..self.clone() }
    }
}
