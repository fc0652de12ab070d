//! What browsers can't play is converted, and nothing else is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use workers::video::media::{Failure, Family, Finalized, Limits, Rejection, ToolError};

use crate::bench::{Bench, FAST, H264, offset, rejection, size_of_picture};

/// Codec and pixels or channels of each stream.
fn streams(path: &Path) -> String {
    let entries = "stream=codec_name,pix_fmt,width,height,channels:stream_side_data=rotation";
    let options = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(options).arg(path).output().expect("ffprobe");
    String::from_utf8(output.stdout).expect("text").trim().replace('\n', " ")
}

/// A digest of the packets.
fn packets(path: &Path, stream: &str) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-map", stream, "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "md5", "-"]);
    String::from_utf8(command.output().expect("ffmpeg").stdout).expect("text")
}

/// A digest of the pictures, however they are wrapped.
fn pictures(path: &Path) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path).args(["-map", "0:v", "-f", "md5", "-"]);
    String::from_utf8(command.output().expect("ffmpeg").stdout).expect("text")
}

fn is_whole(finished: &Finalized) {
    assert_eq!(finished.content_type, "video/mp4");
    assert!((1_900..=2_200).contains(&finished.duration_ms), "{finished:?}");
    let bytes = std::fs::read(&finished.video).expect("readable");
    assert!(offset(&bytes, b"moov") < offset(&bytes, b"mdat"));
}

#[tokio::test]
async fn pictures_that_browsers_cannot_play_become_h264() {
    let bench = Bench::new();
    let x264 = |pixels| ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", pixels];
    for (name, options) in [
        ("visual.mp4", &["-c:v", "mpeg4"][..]),
        ("old.mkv", &["-c:v", "mpeg2video"]),
        ("motion.mov", &["-c:v", "mjpeg", "-pix_fmt", "yuvj422p"]),
        ("cut.mov", &["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"]),
        ("broad.mp4", &x264("yuv444p")),
        ("camera.mov", &x264("yuv422p")),
        ("deep.mp4", &x264("yuv420p10le")),
    ] {
        let input = bench.film(name, &[options, &["-c:a", "aac"]]);

        let finished = bench.finalize(&input).await.expect(name);

        assert_eq!(streams(&finished.video), "h264,320,240,yuv420p aac,1", "{name}");
        assert_eq!(packets(&input, "0:a"), packets(&finished.video, "0:a"), "{name}");
        is_whole(&finished);
    }
}

#[tokio::test]
async fn containers_of_cameras_and_recorders_become_mp4() {
    let bench = Bench::new();
    let xvid = ["-c:v", "mpeg4", "-c:a", "mp3"];
    let avi = bench.film("old.avi", &[&xvid]);
    let stream = bench.film("stream.ts", &[H264]);
    let camcorder =
        bench.film("camcorder.m2ts", &[H264, &["-f", "mpegts", "-mpegts_m2ts_mode", "1"]]);

    for input in [avi, stream.clone(), camcorder] {
        let finished = bench.finalize(&input).await.expect("finished");

        assert_eq!(streams(&finished.video), "h264,320,240,yuv420p aac,1", "{}", input.display());
        is_whole(&finished);
    }
    let copied = bench.finalize(&stream).await.expect("finished");
    assert_eq!(pictures(&stream), pictures(&copied.video));
}

#[tokio::test]
async fn sound_that_browsers_cannot_play_is_converted_alone() {
    let bench = Bench::new();
    for (name, sound) in [("raw.mov", "pcm_s16le"), ("disc.mkv", "ac3"), ("apple.mp4", "alac")] {
        let input = bench.film(name, &[H264, &["-c:a", sound]]);

        let finished = bench.finalize(&input).await.expect(name);

        assert_eq!(streams(&finished.video), "h264,320,240,yuv420p aac,1", "{name}");
        assert_eq!(packets(&input, "0:v"), packets(&finished.video, "0:v"), "{name}");
        is_whole(&finished);
    }
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "aac", "-ac", "6"];
    let input = bench.film("mixed.mkv", &[&vp8]);

    let finished = bench.finalize(&input).await.expect("finished");

    assert_eq!(finished.content_type, "video/webm");
    assert_eq!(streams(&finished.video), "vp8,320,240,yuv420p opus,2");
}

#[tokio::test]
async fn a_conversion_turns_squares_and_evens_the_pictures() {
    let bench = Bench::new();
    let odd = bench.film("odd.mov", &[&["-vf", "scale=321:241,setsar=1", "-c:v", "prores_ks"]]);
    let wide = bench.film("wide.mov", &[&["-vf", "scale=320:240,setsar=2", "-c:v", "prores_ks"]]);
    let vast = bench.film("vast.mov", &[&["-vf", "scale=2560:1440,setsar=1", "-c:v", "mjpeg"]]);
    let upright = bench.film("upright.mov", &[&["-c:v", "prores_ks"]]);
    let upright = upright.to_str().expect("text");
    let turned = ["-i", upright, "-c", "copy", "-metadata:s:v", "rotate=90"];
    let turned = bench.ffmpeg("turned.mov", &[&turned]);

    for (input, (width, height)) in
        [(odd, (320, 240)), (wide, (640, 240)), (vast, (1920, 1080)), (turned, (240, 320))]
    {
        let finished = bench.finalize(&input).await.expect("finished");

        let expected = format!("h264,{width},{height},yuv420p aac,1");
        assert_eq!(streams(&finished.video), expected, "{}", input.display());
        assert_eq!((finished.width, finished.height), (width, height));
        let poster = size_of_picture(&finished.poster);
        assert!(poster.starts_with("mjpeg,"), "{poster}");
    }
}

#[tokio::test]
async fn the_same_upload_is_converted_to_the_same_file() {
    let bench = Bench::new();
    let other = Bench::new();
    let input = bench.film("visual.mp4", &[&["-c:v", "mpeg4", "-c:a", "ac3"]]);
    let limits = Limits { transcode_threads: 2, ..Limits::default() };

    let first = bench.finalize_within(&input, &limits).await.expect("finished");
    let second = other.finalize_within(&input, &limits).await.expect("finished");

    assert_eq!(first.sha256, second.sha256);
}

#[tokio::test]
async fn without_conversion_codecs_are_refused_by_name() {
    let bench = Bench::new();
    let limits = Limits { transcode: false, ..Limits::default() };
    let old = bench.film("old.mp4", &[&["-c:v", "mpeg4", "-c:a", "aac"]]);
    let deep = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"];
    let deep = bench.film("deep.mp4", &[&deep]);
    let raw = bench.film("raw.mov", &[H264, &["-c:a", "pcm_s16le"]]);
    let refusal = async |input| rejection(bench.finalize_within(input, &limits).await).to_string();

    assert!(refusal(&old).await.contains("MPEG-4 Visual"));
    assert!(refusal(&deep).await.contains("H.264 with yuv420p10le pixels"));
    let raw = refusal(&raw).await;
    assert!(
        raw.starts_with(
            "The sound is coded as uncompressed PCM, which browsers can't play beside H.264"
        ),
        "{raw}"
    );
}

#[tokio::test]
async fn containers_and_codecs_are_the_operators_choice() {
    let bench = Bench::new();
    let old = bench.film("old.avi", &[&["-c:v", "mpeg4", "-c:a", "mp3"]]);
    let good = bench.film("good.mp4", &[H264, FAST]);
    let only_mp4 = Limits { containers: [Family::Mp4].into(), ..Limits::default() };
    let no_mpeg4 = {
        let mut limits = Limits::default();
        limits.codecs.remove("mpeg4");
        limits
    };

    let container = rejection(bench.finalize_within(&old, &only_mp4).await);
    let codec = rejection(bench.finalize_within(&old, &no_mpeg4).await);

    assert!(matches!(container, Rejection::Container { .. }), "{container:?}");
    assert!(matches!(codec, Rejection::VideoCodec { .. }), "{codec:?}");
    bench.finalize_within(&good, &only_mp4).await.expect("finished");
}

#[tokio::test]
async fn a_conversion_that_takes_too_long_ends_with_a_reason() {
    let bench = Bench::new();
    let long = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=30"];
    let input = bench.ffmpeg("long.avi", &[&long, &["-c:v", "mjpeg"]]);
    let hasty = Limits { transcode_timeout: Duration::from_secs(1), ..Limits::default() };

    // On a machine that is busy the tool's wall clock may end before its processor time: then it is no fault of the
    // video's, and tried again.
    let mut outcome = bench.finalize_within(&input, &hasty).await;
    while matches!(outcome, Err(Failure::Tool(ToolError::TimedOut { .. }))) {
        outcome = bench.finalize_within(&input, &hasty).await;
    }

    assert_eq!(rejection(outcome), Rejection::TooSlow);
}
