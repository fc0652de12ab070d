//! Every container with every video codec and every audio codec that is accepted by default: each pair
//! that ffmpeg can mux ends as a video that plays from beginning to end. `make test` takes a part of
//! the pairs in which each codec comes in each container; `make video-table` takes all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use futures::StreamExt;
use workers::video::media::{CODECS, Failure, Family, Limits, Rejection, finalize};

use crate::bench::Bench;

const AT_ONCE: usize = 2;
/// Of as many pairs `make test` takes one.
const SHARE: usize = 6;
/// Of the accepted codecs, those that are pictures.
const PICTURES: [&str; 17] = [
    "av1",
    "dnxhd",
    "dvvideo",
    "h263",
    "h264",
    "hevc",
    "mjpeg",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "msmpeg4v2",
    "msmpeg4v3",
    "prores",
    "theora",
    "vc1",
    "vp8",
    "vp9",
];
/// Codecs of sound that ffmpeg can put into AVI and not decode from there.
const REFUSED_IN_AVI: [&str; 1] = ["flac"];
/// For which this build of ffmpeg may have no encoder.
const OFTEN_WITHOUT_ENCODER: [&str; 3] = ["amr_nb", "amr_wb", "vc1"];

/// One stream, encoded once and muxed many times.
struct Encoded {
    codec: &'static str,
    file: PathBuf,
}

/// The encoder of a codec, with its options.
fn encoder(codec: &str) -> &[&str] {
    match codec {
        "av1" => &["libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
        "dnxhd" => {
            &["dnxhd", "-vf", "scale=256:144", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p"]
        }
        "dvvideo" => &["dvvideo", "-vf", "scale=720:576", "-pix_fmt", "yuv420p"],
        "h264" => &["libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
        "hevc" => &["libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"],
        "mjpeg" => &["mjpeg", "-pix_fmt", "yuvj420p"],
        "msmpeg4v3" => &["msmpeg4"],
        "prores" => &["prores_ks"],
        "theora" => &["libtheora"],
        "vp8" => &["libvpx", "-deadline", "realtime"],
        "vp9" => &["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
        "amr_nb" => &["libopencore_amrnb", "-ar", "8000"],
        "amr_wb" => &["libvo_amrwbenc", "-ar", "16000"],
        "mp3" => &["libmp3lame"],
        "opus" => &["libopus"],
        "pcm" => &["pcm_s16le"],
        "vorbis" => &["libvorbis"],
        "aac" => &["aac"],
        "ac3" => &["ac3"],
        "alac" => &["alac"],
        "eac3" => &["eac3"],
        "flac" => &["flac"],
        "h263" => &["h263"],
        "mp2" => &["mp2"],
        "mpeg1video" => &["mpeg1video"],
        "mpeg2video" => &["mpeg2video"],
        // MPEG-TS has no other place for the header.
        "mpeg4" => &["mpeg4", "-bsf:v", "dump_extra"],
        "msmpeg4v2" => &["msmpeg4v2"],
        _ => &["none"],
    }
}

fn ffmpeg(arguments: &[&str]) -> Output {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-y", "-v", "error"]).args(arguments);
    command.output().expect("ffmpeg")
}

/// Half a second of a codec in a file of its own; `None` without an encoder.
fn encode(bench: &Bench, codec: &'static str) -> Option<Encoded> {
    // NUT takes everything else.
    let extension = if codec == "alac" { "mov" } else { "nut" };
    let file = bench.path(&format!("{codec}.{extension}"));
    let (source, kind) = if PICTURES.contains(&codec) {
        ("testsrc=size=128x96:rate=25:duration=0.6", "-c:v")
    } else {
        ("sine=sample_rate=48000:duration=0.6", "-c:a")
    };
    let input = ["-f", "lavfi", "-i", source, kind];
    let made = ffmpeg(&[&input, encoder(codec), &[file.to_str().expect("text")]].concat());
    made.status.success().then_some(Encoded { codec, file })
}

fn extensions(family: Family) -> &'static [&'static str] {
    match family {
        Family::Mp4 => &["mp4", "mov"],
        Family::Matroska => &["mkv"],
        Family::Avi => &["avi"],
        Family::MpegTs => &["ts"],
    }
}

/// `None` where no muxer of the family takes the two; ffmpeg calls some pairs experimental.
fn mux(
    bench: &Bench,
    family: Family,
    pictures: &Encoded,
    sound: Option<&Encoded>,
) -> Option<PathBuf> {
    let inputs = [Some(pictures), sound];
    let inputs: Vec<&str> = inputs
        .iter()
        .flatten()
        .flat_map(|stream| ["-i", stream.file.to_str().expect("text")])
        .collect();
    let maps: &[&str] = if sound.is_some() { &["-map", "0", "-map", "1"] } else { &["-map", "0"] };
    let heard = sound.map_or("silent", |sound| sound.codec);
    extensions(family).iter().find_map(|extension| {
        let file = bench.path(&format!("{}+{heard}.{extension}", pictures.codec));
        let copied = ["-c", "copy", "-strict", "-2", file.to_str().expect("text")];
        let made = ffmpeg(&[&inputs, maps, &copied].concat());
        let streams = 1 + usize::from(sound.is_some());
        // Some muxers take a codec that their demuxer does not know again.
        (made.status.success() && codecs(&file).len() == streams).then_some(file)
    })
}

/// What ffprobe knows the streams of a file as.
fn codecs(file: &Path) -> Vec<String> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "stream=index,codec_name", "-of", "csv=p=0"]);
    let said =
        String::from_utf8(command.arg(file).output().expect("ffprobe").stdout).expect("text");
    // The streams of MPEG-TS are listed twice: as the program's, and as the file's.
    let streams: BTreeMap<_, _> = said.lines().filter_map(|line| line.split_once(',')).collect();
    let known = |codec: &str| {
        let codec = if codec.starts_with("pcm_") { "pcm" } else { codec };
        CODECS.contains(&codec)
    };
    streams.into_values().filter(|codec| known(codec)).map(str::to_owned).collect()
}

/// What goes wrong when the file is decoded to its end, or nothing.
fn fault(file: &Path) -> Option<String> {
    let played = ffmpeg(&["-xerror", "-i", file.to_str().expect("text"), "-f", "null", "-"]);
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    (!played.status.success() || !said.is_empty()).then_some(said)
}

fn is_refused(name: &str) -> bool {
    REFUSED_IN_AVI.iter().any(|sound| name.ends_with(&format!("+{sound}.avi")))
}

async fn outcome(film: PathBuf) -> Result<(), String> {
    let name = film.file_name().expect("a name").to_string_lossy().into_owned();
    let work = film.with_file_name(format!("{name}.work"));
    std::fs::create_dir(&work).expect("a work folder");
    let finished = finalize(&film, &work, &Limits::default(), |_| ()).await;
    if is_refused(&name) {
        return match finished {
            Err(Failure::Rejected(Rejection::SoundInAvi { .. })) => Ok(()),
            ended => Err(format!("{name} is not refused for its sound: {ended:?}")),
        };
    }
    let finished = finished.map_err(|failure| format!("{name}: {failure}"))?;
    let fault = fault(&finished.video);
    std::fs::remove_dir_all(&work).expect("removed");
    match fault {
        Some(fault) => Err(format!("{name} does not play: {fault}")),
        None if finished.duration_ms < 400 => Err(format!("{name}: {finished:?}")),
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_container_and_codec_ends_as_a_video_that_plays() {
    let bench = Bench::new();
    let encoded: Vec<_> = CODECS.iter().filter_map(|codec| encode(&bench, codec)).collect();
    let missing: Vec<_> =
        CODECS.iter().filter(|codec| encoded.iter().all(|one| one.codec != **codec)).collect();
    println!("skipped, without an encoder: {missing:?}");
    assert!(missing.iter().all(|codec| OFTEN_WITHOUT_ENCODER.contains(codec)), "{missing:?}");
    let (pictures, sounds): (Vec<_>, Vec<_>) =
        encoded.iter().partition(|stream| PICTURES.contains(&stream.codec));
    let share = if std::env::var("VIDEO_TABLE").is_ok_and(|all| all == "all") { 1 } else { SHARE };
    let mut films = vec![];
    for family in Family::ALL {
        for (number, video) in pictures.iter().enumerate() {
            let sounds = sounds.iter().map(|sound| Some(*sound)).chain([None]).enumerate();
            let taken = sounds.filter(|(sound, _)| (number + sound).is_multiple_of(share));
            films.extend(taken.filter_map(|(_, sound)| mux(&bench, family, video, sound)));
        }
    }
    println!("{} films", films.len());

    let outcomes = futures::stream::iter(films.clone())
        .map(|film| tokio::spawn(outcome(film)))
        .buffer_unordered(AT_ONCE);
    let outcomes: Vec<_> = outcomes.collect().await;

    let faults: Vec<_> =
        outcomes.into_iter().filter_map(|ended| ended.expect("no panic").err()).collect();
    assert!(faults.is_empty(), "{} of {}: {faults:#?}", faults.len(), films.len());
    assert!(films.len() > 300 / share, "{}", films.len());
}
