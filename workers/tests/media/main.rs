//! The media finalizer on real files, which ffmpeg makes as the tests run.

mod bench;
mod converted;
mod damaged;
mod mutated;
mod refused;
mod table;
mod thumbnails;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use workers::video::media::{Failure, Finalized, Limits, ToolError, finalize};

use bench::{Bench, H264, offset, size_of_picture};

#[tokio::test]
async fn a_good_mp4_is_finished() {
    let bench = Bench::new();
    let input = bench.film("good.mp4", &[H264]);

    let finished = bench.finalize(&input).await.expect("finished");

    assert_eq!(finished.content_type, "video/mp4");
    assert_eq!((finished.width, finished.height), (320, 240));
    assert!((1_950..=2_100).contains(&finished.duration_ms), "{finished:?}");
    assert_eq!(finished.size, finished.video.metadata().expect("a video").len());
    assert_eq!(size_of_picture(&finished.poster), "mjpeg,320,240");
    let sum = Command::new("sha256sum").arg(&finished.video).output().expect("sha256sum");
    assert_eq!(sum.stdout[..64], *finished.sha256.as_bytes());
}

#[tokio::test]
async fn a_good_webm_stays_webm() {
    let bench = Bench::new();
    let webm = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"];
    let input = bench.film("good.webm", &[&webm]);

    let finished = bench.finalize(&input).await.expect("finished");

    assert_eq!(finished.content_type, "video/webm");
    assert_eq!((finished.width, finished.height), (320, 240));
    assert!((1_950..=2_100).contains(&finished.duration_ms), "{finished:?}");
}

#[tokio::test]
async fn a_live_webm_without_length_or_sizes_is_finished() {
    let bench = Bench::new();
    let live =
        ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm", "-live", "1"];
    let input = bench.film("live.webm", &[&live]);

    let finished = bench.finalize(&input).await.expect("finished");

    assert!((1_950..=2_100).contains(&finished.duration_ms), "{finished:?}");
}

#[tokio::test]
async fn h264_in_matroska_or_quicktime_leaves_as_mp4() {
    let bench = Bench::new();
    for name in ["good.mkv", "good.mov"] {
        let input = bench.film(name, &[H264]);

        let finished = bench.finalize(&input).await.expect("finished");

        assert_eq!(finished.content_type, "video/mp4", "{name}");
    }
}

#[tokio::test]
async fn a_fragmented_and_a_silent_mp4_are_finished() {
    let bench = Bench::new();
    let fragmented =
        bench.film("fragmented.mp4", &[H264, &["-movflags", "frag_keyframe+empty_moov"]]);
    let silent = bench.film("silent.mp4", &[H264, &["-an"]]);

    for input in [fragmented, silent] {
        let finished = bench.finalize(&input).await.expect("finished");

        assert!((1_950..=2_100).contains(&finished.duration_ms), "{finished:?}");
    }
}

#[tokio::test]
async fn slides_that_stand_for_seconds_are_not_taken_for_a_cut() {
    let bench = Bench::new();
    let slides = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=1/10:duration=40"];
    let mp4 = bench.ffmpeg("slides.mp4", &[&slides, H264]);
    let reordered = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
    let reordered = bench.ffmpeg("reordered.mp4", &[&slides, &reordered]);
    let webm = bench.ffmpeg("slides.webm", &[&slides, &["-c:v", "libvpx"]]);

    for input in [mp4, reordered, webm] {
        let finished = bench.finalize(&input).await.expect("finished");

        assert_eq!(finished.duration_ms, 40_000, "{finished:?}");
    }
}

#[tokio::test]
async fn the_index_moves_to_the_front() {
    let bench = Bench::new();
    let input = bench.film("slow.mp4", &[H264]);
    let before = std::fs::read(&input).expect("readable");

    let finished = bench.finalize(&input).await.expect("finished");

    let after = std::fs::read(&finished.video).expect("readable");
    assert!(offset(&before, b"mdat") < offset(&before, b"moov"));
    assert!(offset(&after, b"moov") < offset(&after, b"mdat"));
}

#[tokio::test]
async fn what_tells_about_the_maker_is_gone() {
    /// Adobe's box for XMP, at the end of the file.
    const XMP: &[u8] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac\
        <x:xmpmeta><exif:GPSLatitude>48,8.2N</exif:GPSLatitude></x:xmpmeta>";
    let bench = Bench::new();
    let cover = ["-f", "lavfi", "-i", "color=red:size=64x64:rate=1:duration=1"];
    let cover = [&cover[..], &["-map", "0", "-map", "1", "-map", "2"]].concat();
    let tags = [
        "-metadata",
        "title=secret",
        "-metadata",
        "location=+48.1371+011.5754/",
        "-metadata:s:v:0",
        "handler_name=secret",
        "-metadata:s:a",
        "title=secret",
    ];
    let apple = ["-metadata", "com.apple.quicktime.location.ISO6709=+48.1371+011.5754/"];
    let keys = ["-movflags", "use_metadata_tags"];
    let attached = ["-c:v:1", "png", "-pix_fmt:v:1", "rgb24", "-disposition:v:1", "attached_pic"];
    let inputs = [
        bench.film("udta.mov", &[H264, &tags]),
        bench.film("keys.mov", &[H264, &tags, &apple, &keys]),
        bench.film("cover.mp4", &[&cover, H264, &attached, &tags]),
        bench.film("converted.mov", &[&["-c:v", "mjpeg", "-c:a", "pcm_s16le"], &tags]),
        bench.film("tagged.mkv", &[H264, &tags]),
    ];
    let holds = |path: &Path, word: &str| {
        String::from_utf8_lossy(&std::fs::read(path).expect("readable")).contains(word)
    };
    for input in inputs {
        if input.extension().is_some_and(|extension| extension != "mkv") {
            let length = u32::try_from(8 + XMP.len()).expect("short").to_be_bytes();
            let whole = std::fs::read(&input).expect("readable");
            std::fs::write(&input, [&whole[..], &length, b"uuid", XMP].concat()).expect("written");
            assert!(holds(&input, "GPSLatitude"));
        }
        let name = input.display();
        assert!(holds(&input, "secret"), "{name}");
        assert!(holds(&input, "+48.1371") || holds(&input, "loci"), "{name}");

        let finished = bench.finalize(&input).await.expect("finished");

        let sprite = finished.sprite.expect("thumbnails");
        for path in [&finished.video, &finished.poster, &sprite.picture, &sprite.cues] {
            for word in ["secret", "+48.1371", "loci", "GPSLatitude", "PNG"] {
                assert!(!holds(path, word), "{word} in {} of {}", path.display(), input.display());
            }
        }
    }
}

#[tokio::test]
async fn a_turned_video_is_measured_as_displayed() {
    let bench = Bench::new();
    let upright = bench.film("upright.mp4", &[H264]);
    let upright = upright.to_str().expect("text");
    let input =
        bench.ffmpeg("turned.mp4", &[&["-i", upright, "-c", "copy", "-metadata:s:v", "rotate=90"]]);

    let finished = bench.finalize(&input).await.expect("finished");

    assert_eq!((finished.width, finished.height), (240, 320));
    assert_eq!(size_of_picture(&finished.poster), "mjpeg,240,320");
}

#[tokio::test]
async fn wide_pixels_and_large_pictures_get_a_fitting_poster() {
    let bench = Bench::new();
    let wide = bench.film("wide.mp4", &[&["-vf", "setsar=2"], H264]);
    let large = bench.film("large.mp4", &[&["-vf", "scale=1920:1080,setsar=1"], H264]);

    let wide = bench.finalize(&wide).await.expect("finished");
    assert_eq!((wide.width, wide.height), (640, 240));
    assert_eq!(size_of_picture(&wide.poster), "mjpeg,640,240");

    let large = bench.finalize(&large).await.expect("finished");
    assert_eq!((large.width, large.height), (1920, 1080));
    assert_eq!(size_of_picture(&large.poster), "mjpeg,1280,720");
}

#[tokio::test]
async fn faults_of_the_machine_can_be_tried_again() {
    let bench = Bench::new();
    let input = bench.film("good.mp4", &[H264]);
    let no_time = Limits { timeout: Duration::ZERO, ..Limits::default() };

    let late = bench.finalize_within(&input, &no_time).await;
    let missing = bench.finalize(&bench.path("missing.mp4")).await;

    assert!(matches!(late, Err(Failure::Tool(ToolError::TimedOut { .. }))), "{late:?}");
    assert!(matches!(missing, Err(Failure::Tool(ToolError::Io(_)))), "{missing:?}");
    bench.finalize(&input).await.expect("finished at the next try");
}

#[tokio::test]
async fn progress_rises_to_100() {
    let bench = Bench::new();
    let input = bench.film("good.mp4", &[H264]);
    let told = Mutex::new(Vec::new());

    let progress = |percent| told.lock().expect("unpoisoned").push(percent);
    finalize(&input, &bench.path("work"), &Limits::default(), progress).await.expect("finished");

    let told = told.into_inner().expect("unpoisoned");
    assert_eq!((told.first(), told.last()), (Some(&0), Some(&100)));
    assert!(told.is_sorted_by(|earlier, later| earlier < later), "{told:?}");
}

#[tokio::test]
async fn the_same_upload_gives_the_same_file() {
    for (name, codecs) in [
        ("good.mp4", H264),
        ("good.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"]),
    ] {
        let (one, other) = (Bench::new(), Bench::new());
        let input = one.film(name, &[codecs]);

        let first = one.finalize(&input).await.expect("finished");
        let second = other.finalize(&input).await.expect("finished");

        assert_eq!(first.sha256, second.sha256);
        let poster = |finished: &Finalized| std::fs::read(&finished.poster).expect("readable");
        assert_eq!(poster(&first), poster(&second));
    }
}
