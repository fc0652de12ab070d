//! Creation, with and without bytes, and of a length that is told later.

use serde_json::json;

use super::{OCTETS, Uploader, arrived, location, stored};
use crate::refusal::refused;
use crate::support::{Answer, Call};

#[tokio::test]
async fn metadata_come_back_as_they_were_sent() {
    let uploader = Uploader::start().await;
    let metadata = "filename ZmlsbS5tcDQ=,is_secret,filetype dmlkZW8vbXA0";
    let call = uploader.call("POST", "/uploads/").header("Upload-Length", "5");

    let made = call.header("Upload-Metadata", metadata).send().await;

    assert!(made.header("upload-expires").ends_with(" GMT"), "{made:?}");
    let head = uploader.head(&location(&made)).await.expect(200);
    assert_eq!(head.header("upload-metadata"), metadata);
}

#[tokio::test]
async fn what_is_wrong_with_a_creation_is_told_and_makes_nothing() {
    let uploader = Uploader::start_with(&[("MAX_VIDEO_BYTES", "1000")]).await;

    for headers in [
        vec![],
        vec![("Upload-Length", "ten")],
        vec![("Upload-Length", "-1")],
        vec![("Upload-Length", "5"), ("Upload-Defer-Length", "1")],
        vec![("Upload-Defer-Length", "0")],
        vec![("Upload-Length", "5"), ("Upload-Metadata", "filename film.mp4")],
        vec![("Upload-Length", "5"), ("Upload-Metadata", "a YQ==,a YQ==")],
        vec![("Upload-Length", "5"), ("Upload-Checksum", "md5 abc")],
    ] {
        let call = uploader.call("POST", "/uploads/");
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        refused(call.send().await, 400, "invalid_header");
    }
    let sent = |length: &str| uploader.call("POST", "/uploads/").header("Upload-Length", length);
    refused(sent("1001").send().await, 413, "video_too_large");
    refused(sent("9223372036854775807").send().await, 413, "video_too_large");
    let json = sent("5").json(json!({})).send().await;
    refused(json, 415, "unsupported_media_type");
    let uploads: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads")
        .fetch_one(&uploader.app.pool())
        .await
        .unwrap();
    assert_eq!(uploads, 0);
    sent("1000").send().await.expect(201);
}

#[tokio::test]
async fn first_bytes_may_come_with_the_creation() {
    let uploader = Uploader::start().await;
    let create = |bytes: &[u8]| {
        let call = uploader.call("POST", "/uploads/").header("Upload-Length", "10");
        call.body(bytes.to_vec(), OCTETS)
    };

    let made = create(b"bytes").send().await;
    assert_eq!(made.header("upload-offset"), "5");
    let path = location(&made);
    uploader.patch(&path, 5, b"more!").await.expect(204);
    arrived(&uploader.app, &path, b"bytesmore!").await;

    let whole = create(b"bytesmore!").send().await;
    assert_eq!(whole.header("upload-offset"), "10");
    arrived(&uploader.app, &location(&whole), b"bytesmore!").await;
    refused(create(b"more than ten").send().await, 413, "upload_overrun");
    assert_eq!(stored(&uploader.app).len(), 3);
}

#[tokio::test]
async fn a_length_may_be_told_later_and_once() {
    let uploader = Uploader::start_with(&[("MAX_VIDEO_BYTES", "1000")]).await;
    let call = uploader.call("POST", "/uploads/").header("Upload-Defer-Length", "1");
    let path = location(&call.send().await);
    assert_eq!(uploader.head(&path).await.expect(200).header("upload-defer-length"), "1");
    let said = |length: &str, offset: usize, bytes: &[u8]| {
        uploader.patching(&path, offset, bytes).header("Upload-Length", length).send()
    };

    uploader.patch(&path, 0, b"bytes").await.expect(204);
    refused(said("4", 5, b"").await, 400, "invalid_header");
    refused(said("1001", 5, b"").await, 413, "video_too_large");
    refused(uploader.patch(&path, 5, &[0; 996]).await, 413, "video_too_large");
    said("10", 5, b"mo").await.expect(204);
    refused(said("11", 7, b"re!").await, 400, "invalid_header");
    said("10", 7, b"re!").await.expect(204);

    assert_eq!(uploader.head(&path).await.expect(200).header("upload-length"), "10");
    arrived(&uploader.app, &path, b"bytesmore!").await;
}

#[tokio::test]
async fn an_upload_of_nothing_is_finished_at_once() {
    let uploader = Uploader::start().await;

    let path = uploader.create(0).await;

    arrived(&uploader.app, &path, b"").await;
}

#[tokio::test]
async fn one_person_has_so_many_unused_uploads_and_no_more() {
    let uploader = Uploader::start_with(&[("MAX_VIDEO_BYTES", "1000")]).await;
    let mut paths = vec![];
    for _ in 0..20 {
        paths.push(uploader.create(1000).await);
    }
    let more = || uploader.call("POST", "/uploads/").header("Upload-Length", "1").send();

    refused(more().await, 409, "too_many_uploads");

    uploader.call("DELETE", &paths[0]).send().await.expect(204);
    more().await.expect(201);
}

fn keyed(call: Call) -> Call {
    call.header("Idempotency-Key", "once")
}

fn replayed(first: &Answer, again: &Answer) {
    assert_eq!(again.header("idempotent-replayed"), "true");
    for name in ["location", "upload-offset", "upload-expires", "tus-resumable"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
}

#[tokio::test]
async fn the_same_creation_twice_makes_one_upload() {
    let uploader = Uploader::start().await;
    let create = |length: &str| {
        keyed(uploader.call("POST", "/uploads/")).header("Upload-Length", length).send()
    };

    let (first, again) = (create("5").await.expect(201), create("5").await.expect(201));

    replayed(&first, &again);
    refused(create("6").await, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn the_same_creation_with_bytes_twice_takes_them_once() {
    let uploader = Uploader::start().await;
    let big = vec![7; 3_000_000];
    let create = |bytes: &[u8]| {
        let call = keyed(uploader.call("POST", "/uploads/")).header("Upload-Length", "3000000");
        call.body(bytes.to_vec(), OCTETS).send()
    };

    let (first, again) = (create(&big).await.expect(201), create(&big).await.expect(201));

    replayed(&first, &again);
    arrived(&uploader.app, first.header("location"), &big).await;
    refused(create(&big[1..]).await, 422, "idempotency_key_reused");
}
