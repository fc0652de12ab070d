//! `/uploads/`: resumable uploads (tus 1.0.0). `protocol.rs` reads what is sent, `receive.rs`
//! takes bytes in, `sink.rs` writes and `hashing.rs` hashes them, `answer.rs` says what came of it.

mod answer;
mod checksum;
pub(crate) mod protocol;
mod receive;
mod refusal;
mod sink;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use commands::uploads::Upload;
use domain::{UploadId, UserId};
use http::header::ALLOW;
use http::request::Parts;
use hyper::body::Body as _;
use sha2::Digest as _;
use tracing::Instrument;
use uuid::Uuid;

use crate::App;
use crate::access::caller::Caller;
use crate::access::permission::{Allowed, Needs, UploadFiles};
use crate::features::feature::{Feature, SampleId};
use crate::features::samples;
use crate::http::fingerprint::Digest;
use crate::http::input::{declared_length, no_content};
use crate::http::media_type::{expect_uncoded, media_type};
use crate::http::multipart::too_large;
use crate::http::path::Id;
use crate::http::problem::Problem;
use crate::http::tus::{LENGTH, OCTETS, OFFSET};
use answer::{appended, made, standing, unless_whole};
use checksum::Checksum;
use protocol::{Tus, unreadable};
use receive::{Intake, Received};
use refusal::{lengthened, misplaced, overrun, refusal};

/// The one of the examples.
pub(crate) const UPLOAD: Uuid = samples::id(6);

/// What there is beside the routes.
pub(crate) const FEATURE: Feature = Feature {
    tag: (
        "uploads",
        "Resumable uploads of videos: tus 1.0.0, with the extensions \
            creation, creation-with-upload, creation-defer-length, expiration, termination, checksum",
    ),
    ids: &[SampleId { kind: "UploadId", noun: "upload", id: UPLOAD }],
    examples: Vec::new,
    refusals: Vec::new,
    shown: None,
};

/// Gets the server's upload capabilities
#[utoipa::path(options, path = "/uploads/", tag = "uploads", operation_id = "getUploadOptions",
    responses((status = 204, description = "The headers say what the server supports", headers(
        ("Tus-Version" = String, description = "Supported versions of tus"),
        ("Tus-Extension" = String, description = "Supported extensions of tus"),
        ("Tus-Max-Size" = i64, description = "The largest upload, in bytes"),
        ("Tus-Checksum-Algorithm" = String, description = "Supported algorithms of Upload-Checksum")))))]
pub(crate) async fn options() -> Response {
    // `protocol::speak` adds the other headers.
    ([(ALLOW, "POST,OPTIONS")], no_content()).into_response()
}

/// Creates an upload
///
/// Bytes may come with the request (creation-with-upload). An upload that is neither finished nor used
/// expires after 24 hours; `upload_id` of a product takes a finished one.
#[utoipa::path(post, path = "/uploads/", tag = "uploads", operation_id = "createUpload",
    params(("Tus-Resumable" = String, Header, description = "The version of tus", pattern = r"^1\.0\.0$", example = "1.0.0"),
        ("Upload-Length" = Option<String>, Header, description = "The size of the file in bytes", pattern = "^[0-9]+$", example = "20000000"),
        ("Upload-Defer-Length" = Option<String>, Header, description = "1 where Upload-Length comes later", pattern = "^1$"),
        ("Upload-Metadata" = Option<String>, Header, description = "Keys, with values in base64", example = "filename ZmlsbS5tcDQ="),
        ("Upload-Checksum" = Option<String>, Header, description = "sha1 or sha256, and the body's digest in base64")),
    request_body(content = Option<Vec<u8>>, description = "The first bytes of the file, or nothing", content_type = "application/offset+octet-stream"),
    responses((status = 201, description = "Created, at the address in Location", headers(
            ("Upload-Offset" = i64, description = "The bytes that came along, where any did"),
            ("Upload-Expires" = String, description = "When the upload expires"))),
        Needs<UploadFiles>),
    extensions(("x-problems" = json!(["invalid_header", "too_many_uploads", "upload_expired", "unsupported_tus_version",
        "video_too_large", "upload_overrun", "upload_locked", "checksum_mismatch"]))))]
pub(crate) async fn create(
    Allowed(caller): Allowed<UploadFiles>,
    _: Tus,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let length = protocol::declared(&parts.headers)?;
    let metadata = protocol::metadata(&parts.headers)?.to_owned();
    let checksum = Checksum::of(&parts.headers)?;
    let has_bytes = !body.is_end_stream();
    if has_bytes {
        expect_octets(&parts)?;
    }
    let limit = limit(&app, length)?;
    refuse_overrun(&parts, 0, limit, length)?;
    let uploads = app.commands.uploads();
    let largest = largest(&app);
    let upload = uploads.create(caller.user, length, &metadata, largest).await.map_err(refusal)?;
    if !has_bytes && checksum.is_none() {
        caller.fingerprinted(fingerprint(&parts, sha2::Sha256::new()));
        return Ok(made(&upload, None));
    }
    // In a task of its own: what arrived stays when the client hangs up.
    let task = async move {
        let received = first_bytes(&app, &caller, &upload, (limit, checksum), body).await?;
        if let Some(content) = received.whole() {
            caller.fingerprinted(fingerprint(&parts, content));
        }
        Ok(made(&upload, Some(&received)))
    };
    tokio::spawn(task.in_current_span()).await.map_err(|error| Problem::fault(&error))?
}

/// What comes with the creation; the upload goes again where that can't be taken.
async fn first_bytes(
    app: &App,
    caller: &Caller,
    upload: &Upload,
    (limit, checksum): (i64, Option<Checksum>),
    body: Body,
) -> Result<Received, Problem> {
    let (uploads, id) = (app.commands.uploads(), UploadId::from_uuid(upload.id));
    let (upload, lease) = uploads.lease(caller.user, id, &app.shutdown).await.map_err(refusal)?;
    let intake = Intake::new(app, lease, upload, limit, checksum);
    let received = intake.run(body).await;
    let refused = match &received {
        Ok(received) if received.is_kept() => return Ok(Received::clone(received)),
        Ok(received) => unless_whole(received, app).err(),
        Err(problem) => Some(problem.clone()),
    };
    remove(app, caller.user, id).await?;
    Err(refused.unwrap_or_else(Problem::internal))
}

/// Gets the offset of an upload
///
/// A request that is appending bytes is asked to finish first.
#[utoipa::path(head, path = "/uploads/{id}/", tag = "uploads", operation_id = "getUploadOffset",
    params(("id" = UploadId, Path), ("Tus-Resumable" = String, Header, description = "The version of tus", pattern = r"^1\.0\.0$", example = "1.0.0")),
    responses((status = 200, description = "The state of the upload", headers(
            ("Upload-Offset" = i64, description = "The bytes that have arrived"),
            ("Upload-Length" = i64, description = "The size of the file, where it is known"),
            ("Upload-Defer-Length" = i64, description = "1 where the size is not known yet"),
            ("Upload-Metadata" = String, description = "As it was sent"),
            ("Upload-Expires" = String, description = "When the upload expires"))),
        Needs<UploadFiles>),
    extensions(("x-problems" = json!(["upload_expired", "unsupported_tus_version", "upload_locked"]))))]
pub(crate) async fn find(
    Allowed(caller): Allowed<UploadFiles>,
    _: Tus,
    State(app): State<App>,
    Id(id): Id<UploadId>,
) -> Result<Response, Problem> {
    let upload = app.commands.uploads().settled(caller.user, id).await.map_err(refusal)?;
    Ok(standing(&upload))
}

/// Appends bytes to an upload
///
/// The bytes that arrived are kept when the connection breaks: get the offset, and go on from there.
#[utoipa::path(patch, path = "/uploads/{id}/", tag = "uploads", operation_id = "appendToUpload",
    params(("id" = UploadId, Path), ("Tus-Resumable" = String, Header, description = "The version of tus", pattern = r"^1\.0\.0$", example = "1.0.0"),
        ("Upload-Offset" = String, Header, description = "The bytes that the upload has", pattern = "^[0-9]+$", example = "0"),
        ("Upload-Length" = Option<String>, Header, description = "The size of the file, where it was deferred", pattern = "^[0-9]+$"),
        ("Upload-Checksum" = Option<String>, Header, description = "sha1 or sha256, and the body's digest in base64")),
    request_body(content = Vec<u8>, description = "The bytes from the offset on", content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "The bytes are stored", headers(
            ("Upload-Offset" = i64, description = "The bytes that have arrived"),
            ("Upload-Expires" = String, description = "When the upload expires"))),
        Needs<UploadFiles>),
    extensions(("x-problems" = json!(["invalid_header", "offset_mismatch", "upload_expired", "unsupported_tus_version",
        "video_too_large", "upload_overrun", "upload_locked", "checksum_mismatch"]))))]
pub(crate) async fn append(
    Allowed(caller): Allowed<UploadFiles>,
    _: Tus,
    State(app): State<App>,
    Id(id): Id<UploadId>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    expect_octets(&parts)?;
    let offset = protocol::bytes(&parts.headers, &OFFSET)?;
    let offset = offset.ok_or_else(|| unreadable(&OFFSET, "sent, in digits alone"))?;
    let checksum = Checksum::of(&parts.headers)?;
    // In a task of its own: what arrived stays when the client hangs up.
    let task = async move {
        let uploads = app.commands.uploads();
        let (mut upload, lease) =
            uploads.lease(caller.user, id, &app.shutdown).await.map_err(refusal)?;
        let limit = match prepare(&app, &parts, &mut upload, offset) {
            Ok(limit) => limit,
            Err(problem) => {
                lease.release().await;
                return Err(problem);
            }
        };
        let received = Intake::new(&app, lease, upload, limit, checksum).run(body).await?;
        unless_whole(&received, &app)?;
        Ok(appended(&received))
    };
    tokio::spawn(task.in_current_span()).await.map_err(|error| Problem::fault(&error))?
}

/// Whether the bytes may follow; gives how many there may be by the end.
fn prepare(app: &App, parts: &Parts, upload: &mut Upload, offset: i64) -> Result<i64, Problem> {
    if offset != upload.received {
        return Err(misplaced(upload.received));
    }
    if let Some(said) = protocol::bytes(&parts.headers, &LENGTH)? {
        if upload.length.is_some_and(|length| length != said) || said < upload.received {
            return Err(lengthened());
        }
        upload.length = Some(said);
    }
    let limit = limit(app, upload.length)?;
    refuse_overrun(parts, offset, limit, upload.length)?;
    Ok(limit)
}

/// Deletes an upload
#[utoipa::path(delete, path = "/uploads/{id}/", tag = "uploads", operation_id = "deleteUpload",
    params(("id" = UploadId, Path), ("Tus-Resumable" = String, Header, description = "The version of tus", pattern = r"^1\.0\.0$", example = "1.0.0")),
    responses((status = 204), Needs<UploadFiles>),
    extensions(("x-problems" = json!(["upload_in_use", "upload_expired", "unsupported_tus_version", "upload_locked"]))))]
pub(crate) async fn delete(
    Allowed(caller): Allowed<UploadFiles>,
    _: Tus,
    State(app): State<App>,
    Id(id): Id<UploadId>,
) -> Result<Response, Problem> {
    remove(&app, caller.user, id).await?;
    Ok(no_content())
}

async fn remove(app: &App, owner: UserId, id: UploadId) -> Result<(), Problem> {
    let keys = app.commands.uploads().delete(owner, id).await.map_err(refusal)?;
    sink::remove(&app.media, keys).await;
    Ok(())
}

fn expect_octets(parts: &Parts) -> Result<(), Problem> {
    expect_uncoded(&parts.headers)?;
    let fits = media_type(&parts.headers).is_some_and(|kind| kind.essence_str() == OCTETS);
    if fits { Ok(()) } else { Err(Problem::unsupported_media_type(OCTETS)) }
}

fn largest(app: &App) -> i64 {
    i64::try_from(app.settings.max_video_bytes).unwrap_or(i64::MAX)
}

/// How many bytes an upload of that length may have.
fn limit(app: &App, length: Option<i64>) -> Result<i64, Problem> {
    let largest = largest(app);
    let limit = length.unwrap_or(largest);
    if limit > largest { Err(too_large(app.settings.max_video_bytes)) } else { Ok(limit) }
}

/// Refuses at once what declares to go too far.
fn refuse_overrun(
    parts: &Parts,
    offset: i64,
    limit: i64,
    length: Option<i64>,
) -> Result<(), Problem> {
    let room = u64::try_from(limit - offset).unwrap_or(0);
    match declared_length(&parts.headers) {
        Some(declared) if declared > room => Err(overrun(limit, length)),
        Some(_) | None => Ok(()),
    }
}

/// What makes a creation the same as another under one `Idempotency-Key`.
fn fingerprint(parts: &Parts, content: sha2::Sha256) -> [u8; 32] {
    let mut digest = Digest::of_upload(parts);
    digest.part("", None, &content.finalize().into());
    digest.finish()
}
