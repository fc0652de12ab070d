//! Bytes that were lost inside a file: what is played must decode, and what players shrug off may stay.

use std::ops::Range;
use std::path::{Path, PathBuf};

use workers::video::media::Rejection;

use crate::bench::{Bench, FAST, H264, offset};

/// A whole picture every 10, so that damage ends somewhere.
const GROUPS: &[&str] = &["-g", "10"];

/// The file with zeros for a part of it, in thousandths of what comes after its index.
fn zeroed(bench: &Bench, file: &Path, part: Range<usize>) -> PathBuf {
    let mut bytes = std::fs::read(file).expect("readable");
    let start = match &bytes[4..8] {
        b"ftyp" => offset(&bytes, b"mdat") + 4,
        _ => bytes.len() / 10,
    };
    let length = bytes.len() - start;
    bytes[start + length * part.start / 1000..start + length * part.end / 1000].fill(0);
    let name = file.file_name().expect("a name").to_string_lossy();
    bench.write(&format!("zeroed-{name}"), &bytes)
}

/// Zeros for the packets of one stream that begin within a part of the file, in thousandths.
fn without_packets(
    bench: &Bench,
    file: &Path,
    stream: &str,
    part: Range<usize>,
    keys: bool,
) -> PathBuf {
    let mut command = std::process::Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", stream, "-of", "csv=p=0", "-show_entries"]);
    let said = command.arg("packet=size,pos,flags").arg(file).output().expect("ffprobe").stdout;
    let said = String::from_utf8(said).expect("text");
    let mut bytes = std::fs::read(file).expect("readable");
    let within = bytes.len() * part.start / 1000..bytes.len() * part.end / 1000;
    let mut packets = 0;
    for line in said.lines() {
        let fields: Vec<_> = line.split(',').filter(|field| !field.is_empty()).collect();
        if fields.len() < 3 {
            continue;
        }
        let number = |at: usize| fields[at].parse::<usize>().expect("a number");
        let (size, at) = (number(0), number(1));
        if within.contains(&at) && (keys || !fields[2].starts_with('K')) {
            bytes[at..at + size].fill(0);
            packets += 1;
        }
    }
    assert!(packets > 5, "{said}");
    bench.write("without.mp4", &bytes)
}

fn is_damage(rejection: &Rejection) -> bool {
    let reason = rejection.to_string();
    reason.starts_with("The video is damaged: ") || reason.starts_with("The video is cut off: ")
}

/// A film of every container, and of every codec that is copied.
fn films(bench: &Bench) -> Vec<PathBuf> {
    let vp9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"];
    let vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"];
    let hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"];
    let deep = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"];
    vec![
        bench.film("fast.mp4", &[H264, GROUPS, FAST]),
        bench.film("fragmented.mp4", &[H264, GROUPS, &["-movflags", "frag_keyframe+empty_moov"]]),
        bench.film("phone.mov", &[&hevc, GROUPS, FAST]),
        bench.film("converted.mp4", &[&deep, GROUPS, FAST]),
        bench.film("recorded.mkv", &[H264, GROUPS]),
        bench.film("eight.webm", &[&vp8, GROUPS]),
        bench.film("nine.webm", &[&vp9, GROUPS]),
        bench.film("stream.ts", &[H264, GROUPS]),
        bench.film("old.avi", &[&["-c:v", "mpeg4", "-c:a", "mp3"], GROUPS]),
    ]
}

#[tokio::test]
async fn zeros_in_the_second_half_or_in_the_middle_are_damage_in_every_container() {
    let bench = Bench::new();
    for film in films(&bench) {
        bench.finalize(&film).await.expect("finished while it is whole");
        for part in [500..1000, 300..600] {
            let input = zeroed(&bench, &film, part.clone());

            let outcome = bench.finalize(&input).await;

            let refused = matches!(&outcome, Err(workers::video::media::Failure::Rejected(reason)) if is_damage(reason));
            assert!(refused, "{} {part:?}: {outcome:?}", film.display());
        }
    }
}

#[tokio::test]
async fn lost_pictures_between_whole_ones_and_lost_sound_are_damage() {
    let bench = Bench::new();
    let film = bench.film("fast.mp4", &[H264, GROUPS, FAST]);
    let between = without_packets(&bench, &film, "v", 300..700, false);

    let pictures = bench.rejection(&between).await;

    let heard = without_packets(&bench, &film, "a", 0..600, true);
    let sound = bench.rejection(&heard).await;
    assert!(pictures.to_string().contains("of its pictures"), "{pictures}");
    assert!(sound.to_string().contains("of its sound"), "{sound}");
}

#[tokio::test]
async fn a_few_lost_pictures_are_no_reason_to_refuse() {
    let bench = Bench::new();
    let film = bench.film("fast.mp4", &[H264, GROUPS, FAST]);

    let last = bench.finalize(&zeroed(&bench, &film, 970..1000)).await;
    let spot = bench.finalize(&zeroed(&bench, &film, 500..505)).await;

    assert!(last.is_ok() && spot.is_ok(), "{last:?} {spot:?}");
}

#[tokio::test]
async fn whole_files_with_unusual_pictures_are_not_taken_for_damaged() {
    let bench = Bench::new();
    let pattern = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=6"];
    let open =
        ["-c:v", "libx264", "-preset", "fast", "-g", "25", "-x264-params", "open-gop=1:bframes=4"];
    let open = bench.ffmpeg("open.mp4", &[&pattern, &open]);
    let from = ["-ss", "2.3", "-i", open.to_str().expect("text"), "-c", "copy"];
    let hidden = ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "200k"];
    let both = ["-c:v", "mpeg2video", "-bf", "2", "-flags", "+ilme+ildct"];
    let infinite = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "9999"];
    let films = [
        bench.ffmpeg("part.mp4", &[&from]),
        open.clone(),
        bench.ffmpeg("hidden.webm", &[&pattern, &hidden]),
        bench.ffmpeg("interlaced.ts", &[&pattern, &both]),
        bench.ffmpeg("infinite.mp4", &[&pattern, &infinite]),
        bench.ffmpeg("packed.avi", &[&pattern, &["-c:v", "mpeg4", "-bf", "2"]]),
    ];
    for film in films {
        let outcome = bench.finalize(&film).await;

        assert!(outcome.is_ok(), "{}: {outcome:?}", film.display());
    }
}
