//! Names of tus 1.0.0: header fields, and the content type of bytes.

use http::HeaderName;

pub(crate) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(crate) const TUS_CHECKSUM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(crate) const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
pub(crate) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(crate) const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(crate) const DEFER: HeaderName = HeaderName::from_static("upload-defer-length");
pub(crate) const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(crate) const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(crate) const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// What a page of another origin may send.
pub(crate) const SENT: [HeaderName; 7] =
    [RESUMABLE, OFFSET, LENGTH, DEFER, METADATA, CHECKSUM, OVERRIDE];
/// What it may read.
pub(crate) const SHOWN: [HeaderName; 10] = [
    RESUMABLE,
    TUS_VERSION,
    TUS_EXTENSION,
    TUS_MAX_SIZE,
    TUS_CHECKSUM,
    OFFSET,
    LENGTH,
    DEFER,
    METADATA,
    EXPIRES,
];

/// The content type of the bytes of an upload.
pub(crate) const OCTETS: &str = "application/offset+octet-stream";
