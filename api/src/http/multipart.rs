//! `multipart/form-data` (RFC 7578), read as it arrives and in bounded memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, StatusCode};
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::http::input::declared_length;
use crate::http::media_type::{expect_uncoded, media_type};
use crate::http::problem::Problem;

/// What a form has besides its file.
pub(crate) const OTHER_PARTS: u64 = 1_000_000;
/// Bytes that may pass without being part of anything: preambles and headers of parts.
const LARGEST_HEAD: usize = 16 * 1024;
/// Characters of a boundary (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;
/// Parts of a form; no form that is read here has half as many.
const MAX_PARTS: usize = 20;

/// The parts of a form, one after the other.
pub(crate) struct Reader {
    /// `None` for a body of no bytes: a form without parts.
    form: Option<Multipart<'static>>,
    unparsed: Arc<AtomicUsize>,
    largest_file: u64,
    parts: usize,
}

/// One part.
pub(crate) struct Part {
    pub name: String,
    pub file: Option<String>,
    field: Field<'static>,
    unparsed: Arc<AtomicUsize>,
    largest_file: u64,
}

impl Reader {
    /// Refuses at once what declares to be too large.
    pub(crate) fn try_new(
        headers: &HeaderMap,
        body: Body,
        largest_file: u64,
    ) -> Result<Self, Problem> {
        expect_uncoded(headers)?;
        let kind = media_type(headers);
        let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
        let boundary = boundary.ok_or_else(malformed)?;
        if boundary.len() > LONGEST_BOUNDARY {
            return Err(malformed());
        }
        let limit = largest_file.saturating_add(OTHER_PARTS);
        let declared = declared_length(headers);
        if declared.is_some_and(|length| length > limit) {
            return Err(too_large(largest_file));
        }
        let unparsed = Arc::new(AtomicUsize::new(0));
        let paced =
            Paced { body: body.into_data_stream(), unparsed: Arc::clone(&unparsed), rests: false };
        let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
        let form = Multipart::with_constraints(paced, boundary, constraints);
        let form = (declared != Some(0)).then_some(form);
        Ok(Self { form, unparsed, largest_file, parts: 0 })
    }

    /// The next part; the one before has to be dropped. The first part too many is refused, and
    /// what follows it is not read.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, Problem> {
        let Some(form) = &mut self.form else { return Ok(None) };
        let field = read(form.next_field().await, self.largest_file)?;
        self.unparsed.store(0, Ordering::Relaxed);
        let Some(field) = field else { return Ok(None) };
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(too_many_parts());
        }
        if head_size(field.headers()) > LARGEST_HEAD {
            return Err(malformed());
        }
        Ok(Some(Part {
            name: field.name().unwrap_or_default().to_owned(),
            file: field.file_name().map(str::to_owned),
            field,
            unparsed: Arc::clone(&self.unparsed),
            largest_file: self.largest_file,
        }))
    }
}

impl Part {
    /// The next bytes of its content.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        let chunk = read(self.field.chunk().await, self.largest_file)?;
        self.unparsed.store(0, Ordering::Relaxed);
        Ok(chunk)
    }
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn read<T>(read: multer::Result<T>, largest_file: u64) -> Result<T, Problem> {
    read.map_err(|error| match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(largest_file),
        _ => malformed(),
    })
}

/// 413.
pub(crate) fn too_large(largest_file: u64) -> Problem {
    let detail = format!("A video may have at most {largest_file} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "video_too_large", detail)
}

/// 400: the form has more parts than any form needs.
fn too_many_parts() -> Problem {
    let detail = format!("A form may have at most {MAX_PARTS} parts: send fewer.");
    Problem::bad("too_many_parts", detail)
}

fn malformed() -> Problem {
    Problem::bad("malformed_multipart", "The body is not multipart/form-data, or it was cut.")
}

/// A body that gives one chunk at a time, since the parser takes all that there is, and that
/// ends where the parser can make nothing of what it gets, since it keeps all of that.
struct Paced {
    body: BodyDataStream,
    unparsed: Arc<AtomicUsize>,
    rests: bool,
}

impl Stream for Paced {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.body).poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.rests = true;
            let unparsed = self.unparsed.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            if unparsed > LARGEST_HEAD + chunk.len() {
                return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into())));
            }
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map_err(io::Error::other)))
    }
}

#[cfg(test)]
mod tests;
