//! The sprite, and the cues that say where in it a moment is.

use std::process::Command;

use crate::bench::{Bench, H264, size_of_picture};

/// Brightness of one point of a picture.
fn brightness(path: &std::path::Path, x: u32, y: u32) -> u8 {
    let point = format!("crop=2:2:{x}:{y},format=gray");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-vf", &point, "-f", "rawvideo", "-"]);
    command.output().expect("ffmpeg").stdout[0]
}

#[tokio::test]
async fn each_thumbnail_shows_its_own_second() {
    let bench = Bench::new();
    // Every second is brighter than the one before.
    let steps = "color=gray:size=320x240:rate=25:duration=12,geq=lum='20*floor(T)':cb=128:cr=128";
    let input = bench.ffmpeg("steps.mp4", &[&["-f", "lavfi", "-i", steps], H264, &["-g", "25"]]);

    let finished = bench.finalize(&input).await.expect("finished");

    let sprite = finished.sprite.expect("thumbnails");
    assert_eq!(size_of_picture(&sprite.picture), "mjpeg,1600,240");
    let cues = std::fs::read_to_string(&sprite.cues).expect("text");
    let cues: Vec<_> = cues.split("\n\n").skip(1).collect();
    assert_eq!(cues.len(), 12);
    for (second, cue) in (0_u8..).zip(cues) {
        assert!(cue.starts_with(&format!("00:00:{second:02}.000 --> ")), "{cue}");
        let (_, place) = cue.trim().split_once("sprite/#xywh=").expect("a place");
        let place: Vec<u32> = place.split(',').map(|number| number.parse().expect("it")).collect();
        let [x, y, 160, 120] = place[..] else { panic!("{cue}") };
        let shown = brightness(&sprite.picture, x + 80, y + 60);
        // What is stored goes from 16 to 235, and a picture's grey from 0 to 255.
        let expected = (f32::from(20 * second) - 16.0).max(0.0) * 255.0 / 219.0;
        assert!((f32::from(shown) - expected).abs() < 8.0, "{cue}: {shown}, not {expected}");
    }
}

#[tokio::test]
async fn a_video_with_one_whole_picture_and_an_upright_one_have_thumbnails() {
    let bench = Bench::new();
    let single = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=5:duration=30"];
    let single = bench.ffmpeg("single.mp4", &[&single, H264, &["-g", "1000"]]);
    let upright =
        bench.film("upright.webm", &[&["-vf", "scale=108:192,setsar=1", "-c:v", "libvpx"]]);

    let single = bench.finalize(&single).await.expect("finished").sprite.expect("thumbnails");
    assert_eq!(size_of_picture(&single.picture), "mjpeg,1600,360");

    let upright = bench.finalize(&upright).await.expect("finished").sprite.expect("thumbnails");
    // Opus rounds the two seconds up.
    assert!(
        ["mjpeg,270,160", "mjpeg,180,160"].contains(&size_of_picture(&upright.picture).as_str())
    );
}
