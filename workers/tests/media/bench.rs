//! Uploads made by ffmpeg, and what becomes of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use workers::video::media::{Failure, Finalized, Limits, Rejection, finalize};

pub const H264: &[&str] =
    &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"];
pub const FAST: &[&str] = &["-movflags", "+faststart"];

/// A folder with an upload, and one for the finished files.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("work")).expect("a work folder");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }

    /// Two seconds of test pattern and tone.
    pub fn film(&self, name: &str, options: &[&[&str]]) -> PathBuf {
        let pattern = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2"];
        let tone = ["-f", "lavfi", "-i", "sine=duration=2"];
        self.ffmpeg(name, &[&[&pattern[..], &tone[..]], options].concat())
    }

    pub fn ffmpeg(&self, name: &str, options: &[&[&str]]) -> PathBuf {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-y", "-v", "error"]).args(options.concat()).arg(self.path(name));
        assert!(command.status().expect("ffmpeg").success(), "{command:?}");
        self.path(name)
    }

    /// The first `percent` of a file.
    pub fn cut(&self, file: &Path, percent: usize) -> PathBuf {
        let bytes = std::fs::read(file).expect("readable");
        self.write("cut", &bytes[..bytes.len() * percent / 100])
    }

    pub async fn finalize(&self, input: &Path) -> Result<Finalized, Failure> {
        self.finalize_within(input, &Limits::default()).await
    }

    pub async fn finalize_within(
        &self,
        input: &Path,
        limits: &Limits,
    ) -> Result<Finalized, Failure> {
        finalize(input, &self.path("work"), limits, |_| ()).await
    }

    pub async fn rejection(&self, input: &Path) -> Rejection {
        rejection(self.finalize(input).await)
    }
}

pub fn rejection(outcome: Result<Finalized, Failure>) -> Rejection {
    match outcome {
        Err(Failure::Rejected(rejection)) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}

/// Where a box of this kind begins.
pub fn offset(bytes: &[u8], kind: &[u8]) -> usize {
    bytes.windows(kind.len()).position(|window| window == kind).expect("such a box")
}

pub fn size_of_picture(path: &Path) -> String {
    let entries =
        ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(entries).arg(path).output().expect("ffprobe");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
