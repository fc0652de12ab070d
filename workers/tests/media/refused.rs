//! What is turned away, and the reason that its owner reads.

use std::net::TcpListener;
use std::time::Duration;

use workers::video::media::{Limits, Rejection};

use crate::bench::{Bench, FAST, H264, rejection};

#[tokio::test]
async fn a_cut_faststart_mp4_is_found_though_it_probes_well() {
    let bench = Bench::new();
    let whole = bench.film("fast.mp4", &[H264, FAST]);
    for percent in [99, 80, 50] {
        let input = bench.cut(&whole, percent);

        let rejection = bench.rejection(&input).await;

        assert!(
            rejection.to_string().starts_with("The video is cut off: "),
            "{percent} %: {rejection:?}"
        );
    }
    let half = bench.rejection(&bench.cut(&whole, 50)).await;
    assert!(matches!(half, Rejection::CutOff { announced, read } if read < announced), "{half:?}");
}

#[tokio::test]
async fn a_cut_mp4_without_its_index_tells_the_missing_bytes() {
    let bench = Bench::new();
    let whole = bench.film("slow.mp4", &[H264]);
    let input = bench.cut(&whole, 50);

    let rejection = bench.rejection(&input).await;

    assert!(matches!(rejection, Rejection::CutOffBytes { .. }), "{rejection:?}");
}

#[tokio::test]
async fn a_cut_webm_is_found_though_ffmpeg_succeeds() {
    let bench = Bench::new();
    let whole =
        bench.film("good.webm", &[&["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"]]);
    for percent in [99, 50] {
        let input = bench.cut(&whole, percent);

        let rejection = bench.rejection(&input).await;

        assert!(
            rejection.to_string().starts_with("The video is cut off: "),
            "{percent} %: {rejection:?}"
        );
    }
}

#[tokio::test]
async fn sound_alone_and_a_cover_are_no_video() {
    let bench = Bench::new();
    let tone = ["-f", "lavfi", "-i", "sine=duration=1"];
    let sound = bench.ffmpeg("sound.mp4", &[&tone, &["-c:a", "aac"]]);
    let cover = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x64",
        "-frames:v",
        "1",
        "-c:v",
        "mjpeg",
        "-disposition:v",
        "attached_pic",
    ];
    let covered = bench.ffmpeg("covered.mp4", &[&tone, &cover]);

    assert_eq!(bench.rejection(&sound).await, Rejection::OnlySound);
    assert_eq!(bench.rejection(&covered).await, Rejection::OnlyStill);
}

#[tokio::test]
async fn a_playlist_is_refused_and_never_followed() {
    let bench = Bench::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("non-blocking");
    let address = elsewhere.local_addr().expect("an address");
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n"
    );
    let input = bench.write("playlist.mp4", playlist.as_bytes());

    let rejection = bench.rejection(&input).await;

    assert!(rejection.to_string().contains("a playlist"), "{rejection}");
    assert!(elsewhere.accept().is_err(), "somebody called");
}

#[tokio::test]
async fn other_files_are_named_for_what_they_are() {
    let bench = Bench::new();
    let still = bench
        .ffmpeg("still.png", &[&["-f", "lavfi", "-i", "testsrc=size=64x64", "-frames:v", "1"]]);
    let nothing = bench.write("nothing.mp4", b"");
    let program = bench.write("program.mp4", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0");
    let junk = bench.write("junk.mp4", b"\0\0\0\x18ftypisom\0\0\0\0not a movie at all");

    assert_eq!(bench.rejection(&nothing).await, Rejection::Empty);
    assert!(bench.rejection(&program).await.to_string().ends_with("those of a Windows program."));
    assert!(bench.rejection(&still).await.to_string().ends_with("those of a picture (PNG)."));
    assert_eq!(bench.rejection(&junk).await, Rejection::Unreadable);
}

#[tokio::test]
async fn ten_hours_are_refused_whether_or_not_they_are_announced() {
    let bench = Bench::new();
    let slides = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=1/600:duration=36000"];
    let honest = bench.ffmpeg("honest.mp4", &[&slides, H264]);
    let live =
        bench.ffmpeg("live.webm", &[&slides, &["-c:v", "libvpx", "-f", "webm", "-live", "1"]]);
    for input in [honest, live] {
        let rejection = bench.rejection(&input).await;
        assert!(matches!(rejection, Rejection::TooLong { .. }), "{rejection:?}");
    }
}

#[tokio::test]
async fn what_grows_beyond_the_allowed_size_is_refused() {
    let bench = Bench::new();
    let input = bench.film("good.mp4", &[H264]);
    let no_room = Limits { max_output_bytes: 1000, ..Limits::default() };

    let rejection = rejection(bench.finalize_within(&input, &no_room).await);

    assert_eq!(rejection, Rejection::TooLargeResult);
}

#[tokio::test]
async fn pictures_of_15000_by_15000_are_refused() {
    let bench = Bench::new();
    let huge =
        ["-f", "lavfi", "-i", "color=red:size=15000x15000:rate=1:duration=1", "-frames:v", "1"];
    let input = bench.ffmpeg(
        "huge.mp4",
        &[&huge, &["-c:v", "libx264", "-preset", "ultrafast", "-threads", "1"]],
    );

    let rejection = bench.rejection(&input).await;

    assert_eq!(rejection, Rejection::TooManyPixels { width: 15_000, height: 15_000 });
}

#[tokio::test]
async fn limits_are_the_callers() {
    let bench = Bench::new();
    let input = bench.film("good.mp4", &[H264]);
    let short = Limits { max_duration: Duration::from_secs(1), ..Limits::default() };
    let small = Limits { max_bytes: 1000, ..Limits::default() };
    let narrow = Limits { max_side: 300, ..Limits::default() };

    let long = rejection(bench.finalize_within(&input, &short).await);
    let large = rejection(bench.finalize_within(&input, &small).await);
    let wide = rejection(bench.finalize_within(&input, &narrow).await);

    assert_eq!(long.to_string(), "The video is 2.0 s long; at most 1.0 s are allowed.");
    assert!(matches!(large, Rejection::TooLarge { max: 1000, .. }), "{large:?}");
    assert_eq!(wide, Rejection::TooManyPixels { width: 320, height: 240 });
}
