//! What the bytes are by their opening, before any parser that could be attacked sees them.

use std::path::Path;

use infer::MatcherType;
use tokio::io::AsyncReadExt;

use super::rejection::Rejection;

const OPENING: u64 = 8192;

/// The kinds of container that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// MP4, MOV, 3GP and their kin: ISO 14496-12 boxes.
    Mp4,
    /// Matroska and WebM: EBML elements.
    Matroska,
    /// AVI: RIFF chunks.
    Avi,
    /// MPEG transport streams, also as camcorders write them.
    MpegTs,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mp4, Self::Matroska, Self::Avi, Self::MpegTs];

    /// What it is called in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            Self::Avi => "avi",
            Self::MpegTs => "mpegts",
        }
    }

    pub(super) fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::Matroska | Self::Avi | Self::MpegTs => self.name(),
        }
    }
}

pub(super) async fn opening(input: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tokio::fs::File::open(input).await?.take(OPENING).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The container's family, or in the owner's words what the file is instead.
pub(super) fn sniff(bytes: &[u8]) -> Result<Family, Rejection> {
    if bytes.is_empty() {
        return Err(Rejection::Empty);
    }
    if bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return Ok(Family::Matroska);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"AVI ") {
        return Ok(Family::Avi);
    }
    if is_transport_stream(bytes) {
        return Ok(Family::MpegTs);
    }
    if bytes.starts_with(b"OggS") {
        return Err(Rejection::Container { container: "Ogg".to_owned() });
    }
    let kind = infer::get(bytes);
    match kind {
        Some(kind) if kind.matcher_type() != MatcherType::Video && !is_boxed(bytes) => {
            Err(other(kind))
        }
        Some(kind) if kind.matcher_type() == MatcherType::Image => Err(other(kind)),
        _ if is_boxed(bytes) => Ok(Family::Mp4),
        Some(kind) => Err(Rejection::Container { container: kind.extension().to_uppercase() }),
        None => Err(unknown(bytes)),
    }
}

/// `infer` knows MP4 by a list of brands, which misses newer ones and QuickTime files without any.
fn is_boxed(bytes: &[u8]) -> bool {
    matches!(
        bytes.get(4..8),
        Some(b"ftyp" | b"styp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot")
    )
}

/// Packets of 188 bytes that begin alike; camcorders put 4 bytes before each.
fn is_transport_stream(bytes: &[u8]) -> bool {
    [[0, 188, 376], [4, 196, 388]]
        .iter()
        .any(|packets| packets.iter().all(|at| bytes.get(*at) == Some(&0x47)))
}

fn other(kind: infer::Type) -> Rejection {
    let extension = kind.extension().to_uppercase();
    let what = match (kind.matcher_type(), kind.extension()) {
        (MatcherType::App, "exe" | "dll") => "a Windows program".to_owned(),
        (MatcherType::App, "elf") => "a Linux program".to_owned(),
        (MatcherType::App, _) => format!("a program ({extension})"),
        (MatcherType::Archive, _) => format!("an archive or compressed file ({extension})"),
        (MatcherType::Audio, _) => format!("a sound file ({extension})"),
        (MatcherType::Image, _) => format!("a picture ({extension})"),
        (MatcherType::Book | MatcherType::Doc, _) => format!("a document ({extension})"),
        (MatcherType::Font, _) => format!("a font ({extension})"),
        (MatcherType::Text, _) => format!("a text ({extension})"),
        (MatcherType::Video | MatcherType::Custom, _) => {
            format!("another kind of file ({extension})")
        }
    };
    Rejection::NotVideo { what }
}

fn unknown(bytes: &[u8]) -> Rejection {
    let text = bytes.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let what = if text.starts_with(b"#EXTM3U") {
        "a playlist, which only points to a video elsewhere"
    } else if is_text(bytes) {
        "a text"
    } else {
        return Rejection::Unrecognised;
    };
    Rejection::NotVideo { what: what.to_owned() }
}

fn is_text(bytes: &[u8]) -> bool {
    // The opening may end within a character, which `error_len` tells from a wrong one.
    let decodes = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    decodes && !bytes.iter().any(|byte| *byte < 0x20 && !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        sniff(bytes).expect_err("not a video").to_string()
    }

    #[test]
    fn what_is_not_a_video_is_named() {
        assert_eq!(reason(b""), "The file is empty.");
        assert!(
            reason(b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff")
                .ends_with("those of a Windows program.")
        );
        assert!(
            reason(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".repeat(4).as_slice())
                .contains("Linux")
        );
        assert!(reason(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").ends_with("a picture (PNG)."));
        assert!(reason(b"#EXTM3U\nhttp://127.0.0.1/a.ts\n").contains("a playlist"));
        assert!(reason("für alle".as_bytes()).ends_with("a text."));
        assert!(reason(b"OggS\0\x02\0\0").contains("comes as Ogg"));
        assert!(reason(&[0; 64]).ends_with("no known format."));
    }

    #[test]
    fn containers_are_known_by_their_bytes() {
        assert_eq!(sniff(b"\0\0\0\x18ftypisom\0\0\0\0"), Ok(Family::Mp4));
        assert_eq!(sniff(b"\0\0\0\x18ftypzzzz\0\0\0\0"), Ok(Family::Mp4));
        assert_eq!(sniff(b"\0\0\0\x08wide\0\0\0\0mdat"), Ok(Family::Mp4));
        assert_eq!(sniff(b"\x1a\x45\xdf\xa3\x9fB\x86\x81"), Ok(Family::Matroska));
        assert_eq!(sniff(b"RIFF\x00\x10\0\0AVI LIST"), Ok(Family::Avi));
        assert!(sniff(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1").is_err());
    }
}
