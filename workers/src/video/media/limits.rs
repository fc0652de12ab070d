//! How much one upload may ask of us.

use std::time::Duration;

use super::probe::Source;
use super::rejection::Rejection;

/// What a video may be, and what the tools that read it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the upload.
    pub max_bytes: u64,
    /// Playing time.
    pub max_duration: Duration,
    /// Pixels of one picture; memory for decoding grows with it, whatever the file's size.
    pub max_pixels: u64,
    /// Pixels across, as stored.
    pub max_width: u32,
    /// Pixels down, as stored.
    pub max_height: u32,
    /// Wall-clock time of one run of one tool, after which its process group is killed.
    pub timeout: Duration,
    /// Address space of one tool, in bytes.
    pub memory_bytes: u64,
    /// Bytes of the largest file that a tool may write.
    pub max_output_bytes: u64,
}

impl Default for Limits {
    /// 8K video up to an hour and a gibibyte: one such picture takes about 50 MB decoded, and
    /// a decoder that keeps 16 of them stays well below 2 GiB.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_duration: Duration::from_hours(1),
            max_pixels: 8192 * 4320,
            max_width: 8192,
            max_height: 8192,
            timeout: Duration::from_mins(10),
            memory_bytes: 2 << 30,
            max_output_bytes: (1 << 30) + (64 << 20),
        }
    }
}

impl Limits {
    pub(super) fn check(&self, source: &Source) -> Result<(), Rejection> {
        self.check_duration(source.duration())?;
        self.check_picture(source.video.width, source.video.height)
    }

    pub(super) fn check_duration(&self, duration: Duration) -> Result<(), Rejection> {
        if duration > self.max_duration {
            return Err(Rejection::TooLong { duration, max: self.max_duration });
        }
        Ok(())
    }

    pub(super) fn check_picture(&self, width: u32, height: u32) -> Result<(), Rejection> {
        let fits = width <= self.max_width
            && height <= self.max_height
            && u64::from(width) * u64::from(height) <= self.max_pixels;
        if fits { Ok(()) } else { Err(Rejection::TooManyPixels { width, height }) }
    }
}
