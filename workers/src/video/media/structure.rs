//! Whether the parts that a container announces fit into the file: a few reads, whatever its size.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::Failure;
use super::rejection::Rejection;
use super::sniff::Family;

/// Far more than a fragmented hour has; a file made of empty boxes must not keep us busy.
const MAX_BOXES: usize = 100_000;

/// Places of a transport stream that are looked at.
const SAMPLES: u64 = 500;

/// More was announced than is there. Not yet a verdict: the index may know better how much is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shortfall {
    announced: u64,
    present: u64,
}

impl From<Shortfall> for Rejection {
    fn from(shortfall: Shortfall) -> Self {
        Self::CutOffBytes { announced: shortfall.announced, present: shortfall.present }
    }
}

impl From<Shortfall> for Failure {
    fn from(shortfall: Shortfall) -> Self {
        Self::Rejected(shortfall.into())
    }
}

pub(super) async fn shortfall(input: &Path, family: Family) -> io::Result<Option<Shortfall>> {
    let input = input.to_owned();
    let walk = move || {
        let mut file = File::open(input)?;
        let present = file.metadata()?.len();
        let announced = match family {
            Family::Mp4 => boxes_end(&mut file, present),
            Family::Matroska => segment_end(&mut file),
            // The index and the full read tell.
            Family::Avi | Family::MpegTs => Ok(None),
        };
        Ok(past_the_end(announced)?
            .filter(|end| *end > present)
            .map(|announced| Shortfall { announced, present }))
    };
    tokio::task::spawn_blocking(walk).await.map_err(io::Error::other)?
}

/// Refuses a transport stream of which more than 2 % is no packets: its demuxer skips such parts, and ends
/// where only they are left.
pub(super) async fn check_packets(input: &Path, family: Family) -> Result<(), Failure> {
    if family != Family::MpegTs {
        return Ok(());
    }
    let input = input.to_owned();
    let walk = move || {
        let mut file = File::open(input)?;
        let present = file.metadata()?.len();
        strays(&mut file, present)
    };
    let strays = tokio::task::spawn_blocking(walk).await.map_err(io::Error::other)??;
    if strays > SAMPLES / 50 { Err(Rejection::Damaged.into()) } else { Ok(()) }
}

/// Of [`SAMPLES`] places all over the file, those where no three packets follow each other.
fn strays(file: &mut (impl Read + Seek), present: u64) -> io::Result<u64> {
    const WINDOW: usize = 4 * 192;
    let length = present.saturating_sub(WINDOW as u64);
    let mut strays = 0;
    for sample in 0..SAMPLES {
        let mut window = [0; WINDOW];
        file.seek(SeekFrom::Start(length / SAMPLES * sample))?;
        let read = file.read(&mut window)?;
        let is_sync = |at: usize| window[..read].get(at) == Some(&0x47);
        let in_step = [188, 192].into_iter().any(|step| {
            (0..step).any(|at| is_sync(at) && is_sync(at + step) && is_sync(at + 2 * step))
        });
        strays += u64::from(!in_step);
    }
    Ok(strays)
}

/// A header that the file ends within is for the full read to judge.
fn past_the_end(announced: io::Result<Option<u64>>) -> io::Result<Option<u64>> {
    match announced {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn boxes_end(file: &mut (impl Read + Seek), present: u64) -> io::Result<Option<u64>> {
    let mut at = 0_u64;
    for _ in 0..MAX_BOXES {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        file.read_exact(&mut header)?;
        let [a, b, c, d, kind @ ..] = header;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => read_u64(file)?,
            size => u64::from(size),
        };
        // 0 means "to the end of the file"; less than a header is junk behind the last box.
        if size < 8 {
            return Ok(None);
        }
        let end = at.saturating_add(size);
        if end > present {
            // Of the boxes at the top only these hold the video; players ignore junk behind them.
            return Ok(matches!(&kind, b"moov" | b"mdat" | b"moof").then_some(end));
        }
        at = end;
    }
    Ok(None)
}

fn read_u64(file: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

fn segment_end(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let mut id = [0; 4];
    file.read_exact(&mut id)?;
    let Some(header) = read_size(file)? else { return Ok(None) };
    file.seek(SeekFrom::Current(i64::try_from(header).unwrap_or(i64::MAX)))?;
    file.read_exact(&mut id)?;
    if id != SEGMENT {
        return Ok(None);
    }
    let size = read_size(file)?;
    let start = file.stream_position()?;
    Ok(size.map(|size| start.saturating_add(size)))
}

/// An EBML variable-length size (RFC 8794 §4); `None` is the "unknown" of live recordings.
fn read_size(file: &mut impl Read) -> io::Result<Option<u64>> {
    let mut first = [0];
    file.read_exact(&mut first)?;
    let more = first[0].leading_zeros();
    if more > 7 {
        return Ok(None);
    }
    let mut size = u64::from(first[0]) & (0x7f >> more);
    for _ in 0..more {
        let mut next = [0];
        file.read_exact(&mut next)?;
        size = size << 8 | u64::from(next[0]);
    }
    let unknown = (1 << (7 * (more + 1))) - 1;
    Ok((size != unknown).then_some(size))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn mp4_end(bytes: &[u8]) -> Option<u64> {
        let present = u64::try_from(bytes.len()).expect("short");
        past_the_end(boxes_end(&mut Cursor::new(bytes), present)).expect("memory reads")
    }

    #[test]
    fn a_media_box_beyond_the_end_is_noticed() {
        assert_eq!(mp4_end(b"\0\0\0\x08ftyp\0\0\0\x20mdat1234"), Some(40));
        assert_eq!(mp4_end(b"\0\0\0\x01mdat\0\0\0\0\0\0\x01\0"), Some(256));
        assert_eq!(mp4_end(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"), Some(u64::MAX));
    }

    #[test]
    fn whole_files_open_ends_and_trailing_junk_pass() {
        assert_eq!(mp4_end(b"\0\0\0\x08ftyp\0\0\0\x0cmdat1234"), None);
        assert_eq!(mp4_end(b"\0\0\0\x08ftyp\0\0\0\0mdat1234"), None);
        assert_eq!(mp4_end(b"\0\0\0\x08ftypjunkjunkjunk"), None);
        assert_eq!(mp4_end(b"\0\0\0\x08ftyp\0\0"), None);
    }

    #[test]
    fn a_segment_knows_its_end_unless_it_was_live() {
        let known = b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x40\x10";
        let live = b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";

        assert_eq!(segment_end(&mut Cursor::new(known)).expect("memory reads"), Some(28));
        assert_eq!(segment_end(&mut Cursor::new(live)).expect("memory reads"), None);
    }
}
