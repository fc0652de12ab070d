//! What makes two requests the same: method, path, what headers say of an upload, and what the
//! body says, however it is cut.

use axum::body::Body;
use futures::StreamExt;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use crate::App;
use crate::http::media_type::media_type;
use crate::http::multipart::{Part, Reader};
use crate::http::problem::Problem;
use crate::http::tus::{DEFER, LENGTH, METADATA, OCTETS};

/// The digest of a request, taken part by part.
pub(crate) struct Digest(Sha256);

impl Digest {
    /// Of a body in one piece.
    pub(crate) fn of_bytes(parts: &Parts, bytes: &[u8]) -> [u8; 32] {
        let mut digest = Self::new(parts, "whole");
        digest.add(bytes);
        digest.finish()
    }

    /// Of an upload, whose parts follow.
    pub(crate) fn of_upload(parts: &Parts) -> Self {
        Self::new(parts, "parts")
    }

    fn new(parts: &Parts, class: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.add(parts.method.as_str().as_bytes());
        digest.add(parts.uri.path().as_bytes());
        digest.add(class.as_bytes());
        for name in [LENGTH, DEFER, METADATA] {
            if let Some(value) = parts.headers.get(&name) {
                digest.add(name.as_str().as_bytes());
                digest.add(value.as_bytes());
            }
        }
        digest
    }

    /// Adds a part by the SHA-256 of its content.
    pub(crate) fn part(&mut self, name: &str, file: Option<&str>, content: &[u8; 32]) {
        self.add(name.as_bytes());
        self.add(file.map_or(b"".as_slice(), str::as_bytes));
        self.add(content);
    }

    /// Led by its length, so that neighbours can't be mistaken for one another.
    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The digest.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Of parts, each led by its length.
pub(crate) fn of_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Digest(Sha256::new());
    for part in parts {
        digest.add(part);
    }
    digest.finish()
}

/// Whether the body is an upload, whose route reads it piecemeal.
pub(crate) fn is_upload(parts: &Parts) -> bool {
    media_type(&parts.headers)
        .is_some_and(|kind| kind.type_() == mime::MULTIPART || kind.essence_str() == OCTETS)
}

/// Reads an upload to its end for its digest alone.
pub(crate) async fn of_upload(app: &App, parts: &Parts, body: Body) -> Result<[u8; 32], Problem> {
    let mut digest = Digest::of_upload(parts);
    if media_type(&parts.headers).is_some_and(|kind| kind.essence_str() == OCTETS) {
        digest.part("", None, &of_octets(body).await?);
        return Ok(digest.finish());
    }
    let mut reader = Reader::try_new(&parts.headers, body, app.settings.max_video_bytes)?;
    while let Some(mut part) = reader.next().await? {
        let mut content = Sha256::new();
        while let Some(chunk) = part.chunk().await? {
            content.update(&chunk);
        }
        let Part { name, file, .. } = &part;
        digest.part(name, file.as_deref(), &content.finalize().into());
    }
    Ok(digest.finish())
}

async fn of_octets(body: Body) -> Result<[u8; 32], Problem> {
    let (mut body, mut content) = (body.into_data_stream(), Sha256::new());
    while let Some(bytes) = body.next().await {
        let cut = |_| Problem::bad("bad_request", "The body was cut: send it again.");
        content.update(&bytes.map_err(cut)?);
    }
    Ok(content.finalize().into())
}
