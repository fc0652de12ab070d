//! Films, which ffmpeg makes as the tests run, and what only looks like one.

use std::process::Command;
use std::sync::OnceLock;

const PICTURES: [&str; 4] = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=24:duration=2"];
const SOUND: [&str; 4] = ["-f", "lavfi", "-i", "sine=duration=2"];
/// The codecs that every browser plays, with the index in front.
const CODED: [&str; 12] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
    "-movflags",
    "+faststart",
    "-f",
    "mp4",
];

/// Two seconds with sound.
pub fn mp4() -> Vec<u8> {
    static MP4: OnceLock<Vec<u8>> = OnceLock::new();
    MP4.get_or_init(|| made(&[&PICTURES, &SOUND, &CODED])).clone()
}

/// Six seconds in codecs that browsers don't play.
pub fn to_be_converted() -> Vec<u8> {
    let pictures = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=6"];
    let coded = ["-c:v", "mpeg4", "-q:v", "4", "-c:a", "ac3", "-f", "mp4"];
    made(&[&pictures, &SOUND, &coded])
}

/// Two seconds in a container and with sound that browsers don't play, and pictures that they do.
pub fn mkv_with_flac() -> Vec<u8> {
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
    made(&[&PICTURES, &SOUND, &coded, &["-c:a", "flac", "-f", "matroska"]])
}

/// Without sound.
pub fn silent(seconds: u32) -> Vec<u8> {
    let pictures = format!("testsrc=size=320x240:rate=24:duration={seconds}");
    made(&[&["-f", "lavfi", "-i", &pictures], &CODED])
}

/// Sound alone, in a wrapping for videos.
pub fn audio_only_mp4() -> Vec<u8> {
    made(&[&SOUND, &["-c:a", "aac", "-f", "mp4"]])
}

/// A film that lost its second half; its index says nothing of that.
pub fn truncated() -> Vec<u8> {
    let mut film = mp4();
    film.truncate(film.len() / 2);
    film
}

/// A list of places that a careless player would go to.
pub fn hls_playlist() -> Vec<u8> {
    let text =
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    text.as_bytes().to_vec()
}

fn made(options: &[&[&str]]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-y", "-v", "error"]).args(options.concat()).arg(&file);
    assert!(command.status().unwrap().success(), "{command:?}");
    std::fs::read(file).unwrap()
}
