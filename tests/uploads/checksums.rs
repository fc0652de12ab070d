//! The checksum extension: bytes that are not those that were meant are not kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::cutter::cut_after;
use super::{OCTETS, Uploader, arrived, noise, stored};
use crate::refusal::refused;

fn sha256(bytes: &[u8]) -> String {
    format!("sha256 {}", BASE64.encode(Sha256::digest(bytes)))
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_meant_are_not_kept() {
    let uploader = Uploader::start().await;
    let bytes = noise(70 << 20, 3);
    let path = uploader.create(bytes.len() + 5).await;
    uploader.patch(&path, 0, b"bytes").await.expect(204);
    let send = |checksum: &str| {
        uploader.patching(&path, 5, &bytes).header("Upload-Checksum", checksum).send()
    };

    for wrong in [sha256(b"other bytes"), "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".to_owned()] {
        refused(send(&wrong).await, 460, "checksum_mismatch");
        assert_eq!(uploader.offset(&path).await, 5);
        assert_eq!(stored(&uploader.app).len(), 1);
    }
    for unknown in ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha256", "sha256 ?", ""] {
        let call = uploader.patching(&path, 5, b"more!").header("Upload-Checksum", unknown);
        refused(call.send().await, 400, "invalid_header");
    }
    let answer = send(&sha256(&bytes)).await.expect(204);

    assert_eq!(answer.header("upload-offset"), (bytes.len() + 5).to_string());
    arrived(&uploader.app, &path, &[b"bytes", bytes.as_slice()].concat()).await;
}

#[tokio::test]
async fn sha1_is_known_too() {
    let uploader = Uploader::start().await;
    let path = uploader.create(11).await;
    let call = uploader.patching(&path, 0, b"hello world");

    let sum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
    call.header("Upload-Checksum", sum).send().await.expect(204);

    arrived(&uploader.app, &path, b"hello world").await;
}

#[tokio::test]
async fn what_can_no_longer_be_checked_is_not_kept() {
    let uploader = Uploader::start().await;
    let bytes = noise(1_000_000, 4);
    let path = uploader.create(bytes.len()).await;
    let head = uploader.raw_patch(&path, 0, bytes.len());
    let head =
        head.replace("\r\n\r\n", &format!("\r\nUpload-Checksum: {}\r\n\r\n", sha256(&bytes)));

    cut_after(&uploader.app, &head, &bytes[..600_000]).await;

    assert_eq!(uploader.offset(&path).await, 0);
    assert!(stored(&uploader.app).is_empty());
}

#[tokio::test]
async fn a_creation_whose_bytes_are_others_makes_nothing() {
    let uploader = Uploader::start().await;
    let call = uploader.call("POST", "/uploads/").header("Upload-Length", "5");
    let call = call.header("Upload-Checksum", &sha256(b"other"));

    refused(call.body(b"bytes".to_vec(), OCTETS).send().await, 460, "checksum_mismatch");

    assert!(stored(&uploader.app).is_empty());
    let uploads: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads")
        .fetch_one(&uploader.app.pool())
        .await
        .unwrap();
    assert_eq!(uploads, 0);
}
