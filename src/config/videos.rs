//! What a video may be, and what finishing it may take.

use std::collections::BTreeSet;
use std::time::Duration;

use workers::ScannerAddress;
use workers::video::media::{CODECS, Family, Limits};

use super::variables::{Expected, Reader};
use super::{ConfigError, parse};

/// Room that finishing a video may need beyond its size.
const REMUX_ROOM: u64 = 64 << 20;
/// Less, and ffmpeg itself does not fit.
const LEAST_MEMORY: u64 = 256 << 20;

/// Every variable that begins with `VIDEO_`.
pub fn limits(reader: &mut Reader, max_bytes: u64) -> Result<Limits, ConfigError> {
    let usual = Limits::default();
    let seconds = |time: Duration| time.as_secs().to_string();
    Ok(Limits {
        max_bytes,
        max_output_bytes: max_bytes.saturating_add(REMUX_ROOM),
        max_duration: reader.value(
            "VIDEO_MAX_SECONDS",
            &seconds(usual.max_duration),
            parse::seconds,
        )?,
        max_pixels: reader.value("VIDEO_MAX_PIXELS", &usual.max_pixels.to_string(), |text| {
            at_least(text, 1, "a number of pixels such as 35389440")
        })?,
        max_side: reader.value("VIDEO_MAX_SIDE", &usual.max_side.to_string(), |text| {
            at_least(text, 1, "a number of pixels such as 8192")
        })?,
        containers: reader.value(
            "VIDEO_CONTAINERS",
            &Family::ALL.map(Family::name).join(","),
            containers,
        )?,
        codecs: reader.value("VIDEO_CODECS", &CODECS.join(","), codecs)?,
        timeout: reader.value("VIDEO_TIMEOUT", &seconds(usual.timeout), parse::seconds)?,
        memory_bytes: reader.value("VIDEO_MEMORY", &usual.memory_bytes.to_string(), |text| {
            at_least(text, LEAST_MEMORY, "a number of bytes from 268435456 on")
        })?,
        transcode: reader.value("VIDEO_TRANSCODE", "true", parse::switch)?,
        transcode_timeout: reader.value(
            "VIDEO_TRANSCODE_TIMEOUT",
            &seconds(usual.transcode_timeout),
            parse::seconds,
        )?,
        transcode_threads: reader.value("VIDEO_TRANSCODE_THREADS", "1", |text| {
            match text.parse() {
                Ok(threads @ 1..=64) => Ok(threads),
                _ => Err("a number from 1 to 64".into()),
            }
        })?,
    })
}

/// `CLAMD_URL`, if it is set.
pub fn scanner(reader: &mut Reader) -> Result<Option<ScannerAddress>, ConfigError> {
    reader.value("CLAMD_URL", "", |text| match text {
        "" => Ok(None),
        text => ScannerAddress::parse(text)
            .map(Some)
            .ok_or_else(|| "tcp://host:3310 or unix:///path/of/clamd.sock".into()),
    })
}

fn at_least<T: std::str::FromStr + PartialOrd>(
    text: &str,
    least: T,
    expected: &str,
) -> Result<T, Expected> {
    text.parse().ok().filter(|number| *number >= least).ok_or_else(|| expected.into())
}

fn containers(text: &str) -> Result<BTreeSet<Family>, Expected> {
    parse::some_names(text, &Family::ALL.map(|family| (family.name(), family)))
}

fn codecs(text: &str) -> Result<BTreeSet<String>, Expected> {
    parse::some_names(text, &CODECS.map(|name| (name, name.to_owned())))
}
