//! Whether the programs that finish videos are here and can do what the configuration asks of them.

use std::ffi::OsString;
use std::path::Path;

use super::limits::Limits;
use super::sandbox::{self, ToolError};

/// What is started for each video, and the package that Debian and Ubuntu have it in.
const PROGRAMS: [(&str, &str); 4] = [
    ("ffmpeg", "ffmpeg"),
    ("ffprobe", "ffmpeg"),
    ("prlimit", "util-linux"),
    ("setpriv", "util-linux"),
];

/// Encoders of pictures for posters and thumbnails.
const STILLS: [&str; 1] = ["mjpeg"];
/// Encoders of what is converted.
const CONVERSIONS: [&str; 3] = ["libx264", "aac", "libopus"];

/// Why no video can be finished on this machine; the text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Programs that PATH does not lead to.
    #[error(
        "{} not in PATH, and videos are finished with it: install it, on Debian and Ubuntu by `apt-get install {package}`",
        are(programs)
    )]
    Missing {
        /// The programs.
        programs: Vec<&'static str>,
        /// What to install.
        package: String,
    },
    /// A program is there, and can't be started.
    #[error(
        "ffmpeg or ffprobe can't be started, and videos are finished with them: {0}; install them again, on Debian and Ubuntu by `apt-get install --reinstall ffmpeg`"
    )]
    Unstartable(#[source] ToolError),
    /// An encoder that posters or conversions need.
    #[error("this ffmpeg lacks the encoder {}, which videos need: install a build that has it, as those of Debian and Ubuntu do{}", encoders.join(", "), without_conversion(encoders))]
    Encoders {
        /// In ffmpeg's words.
        encoders: Vec<&'static str>,
    },
    /// A decoder of an accepted codec.
    #[error("this ffmpeg lacks a decoder for {}: install a build that has it, or take it out of VIDEO_CODECS", codecs.join(", "))]
    Decoders {
        /// In ffmpeg's words.
        codecs: Vec<String>,
    },
    /// The folder for videos that are being finished.
    #[error("{folder}, where videos are finished, can't be written: {source}")]
    Scratch {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// Everything is there, and a film that is known to be good can't be finished.
    #[error(transparent)]
    Broken(ToolError),
    /// The virus scanner that has to see each video first.
    #[error("the virus scanner at CLAMD_URL does not answer: {0}")]
    Scanner(String),
}

fn are(programs: &[&str]) -> String {
    let verb = if programs.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", programs.join(", "))
}

fn without_conversion(encoders: &[&str]) -> &'static str {
    if encoders.iter().any(|encoder| STILLS.contains(encoder)) {
        ""
    } else {
        ", or set VIDEO_TRANSCODE=false"
    }
}

/// Looks for the programs, which takes no time.
pub fn find() -> Result<(), Unfit> {
    let missing = PROGRAMS.into_iter().filter(|(program, _)| sandbox::found(program).is_none());
    let (programs, mut packages): (Vec<_>, Vec<_>) = missing.unzip();
    packages.dedup();
    if programs.is_empty() {
        return Ok(());
    }
    Err(Unfit::Missing { programs, package: packages.join(" ") })
}

/// Starts the programs, confined as for a video, and compares what they can with what is configured.
pub(super) async fn compare(limits: &Limits) -> Result<(), Unfit> {
    let mut codecs = Vec::new();
    let keep = |line: &str| codecs.extend(Codec::parse(line));
    let (listed, started) =
        tokio::join!(started("ffmpeg", "-codecs", keep), started("ffprobe", "-version", |_| ()));
    listed.and(started).map_err(Unfit::Unstartable)?;
    let conversions = if limits.transcode { &CONVERSIONS[..] } else { &[] };
    let needed = STILLS.iter().chain(conversions).copied();
    let encoders: Vec<_> =
        needed.filter(|encoder| !codecs.iter().any(|codec| codec.encodes(encoder))).collect();
    if !encoders.is_empty() {
        return Err(Unfit::Encoders { encoders });
    }
    let decodes = |name: &str| codecs.iter().any(|codec| codec.decodes && codec.is_called(name));
    let undecodable: Vec<_> =
        limits.codecs.iter().filter(|codec| !decodes(codec)).cloned().collect();
    if undecodable.is_empty() { Ok(()) } else { Err(Unfit::Decoders { codecs: undecodable }) }
}

async fn started(
    program: &str,
    option: &str,
    on_line: impl FnMut(&str) + Send,
) -> Result<(), ToolError> {
    let arguments: Vec<OsString> =
        ["-hide_banner", "-v", "error", option].map(OsString::from).into();
    let limits = Limits::default();
    let outcome =
        sandbox::run(program, &arguments, sandbox::Reach::default(), &limits, on_line).await?;
    if outcome.success { Ok(()) } else { Err(outcome.unusable(program)) }
}

/// Finishes a film that is known to be good, in `folder`.
pub(super) async fn try_out(folder: &Path, limits: &Limits) -> Result<(), Unfit> {
    super::selftest::run(folder, limits).await.map_err(Unfit::Broken)
}

/// A line of `ffmpeg -codecs`: ` DEV.LS h264 … (decoders: h264 libdav1d) (encoders: libx264 h264_omx)`.
struct Codec {
    name: String,
    decodes: bool,
    encoders: Vec<String>,
}

impl Codec {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (flags, name) = (words.next()?, words.next()?);
        if flags.len() != 6 || name == "=" {
            return None;
        }
        // Only where they are not called as the codec is.
        let listed = line.split_once("(encoders: ").and_then(|(_, rest)| rest.split_once(')'));
        let encoders = match listed {
            Some((names, _)) => names.split_whitespace().map(str::to_owned).collect(),
            None if flags.chars().nth(1) == Some('E') => vec![name.to_owned()],
            None => vec![],
        };
        Some(Self { name: name.to_owned(), decodes: flags.starts_with('D'), encoders })
    }

    fn encodes(&self, encoder: &str) -> bool {
        self.encoders.iter().any(|name| name == encoder)
    }

    /// `pcm` stands for all kinds of it.
    fn is_called(&self, name: &str) -> bool {
        self.name == name || (name == "pcm" && self.name == "pcm_s16le")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_names_decoders_and_encoders() {
        let many = Codec::parse(
            " DEV.LS h264                 H.264 / AVC (decoders: h264 ) (encoders: libx264 h264_omx )",
        );
        let own = Codec::parse(" DEVIL. mjpeg                Motion JPEG").expect("a codec");
        let one_way = Codec::parse(" D.V.L. vc1                  SMPTE VC-1").expect("a codec");

        let many = many.expect("a codec");
        assert!(many.decodes && many.encodes("libx264") && !many.encodes("h264"));
        assert!(own.encodes("mjpeg") && own.is_called("mjpeg"));
        assert!(one_way.decodes && one_way.encoders.is_empty());
        assert!(Codec::parse(" D..... = Decoding supported").is_none());
    }
}
