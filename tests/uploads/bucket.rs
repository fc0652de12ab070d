//! Uploads whose bytes are in a bucket.

use domain::Role;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::cutter::cut_after;
use super::{OCTETS, Uploader, expire, id, noise, parts};
use crate::support::{Bucket, eventually, video};

/// A film of several pieces of an S3 object: a box that players skip makes it that long.
fn long_film() -> Vec<u8> {
    let padding = noise(12 << 20, 21);
    let size = u32::try_from(padding.len() + 8).unwrap();
    [video::mp4(), size.to_be_bytes().to_vec(), b"free".to_vec(), padding].concat()
}

#[tokio::test]
async fn parts_in_a_bucket_become_a_video_and_leave_nothing_else() {
    let bucket = Bucket::serve().await;
    let uploader = Uploader::of(bucket.app(&[]).await).await;
    let Uploader { app, person } = &uploader;
    let staff = app.user(Role::Staff).await;
    let category = app.category(&staff, "Films").await;
    let film = long_film();
    let path = uploader.create(film.len()).await;

    let cut = 7 << 20;
    cut_after(app, &uploader.raw_patch(&path, 0, film.len()), &film[..cut]).await;
    assert_eq!(uploader.offset(&path).await, cut);
    let replica = app.replica().await;
    let rest = app.request_to(&replica, "PATCH", &path).by(person).header("Tus-Resumable", "1.0.0");
    let rest = rest.header("Upload-Offset", &cut.to_string()).body(film[cut..].to_vec(), OCTETS);
    rest.send().await.expect(204);

    let keys = parts(&app.pool(), &path).await;
    assert_eq!(keys.len(), 2);
    let stored = keys.iter().map(|key| bucket.read(key)).collect::<Vec<_>>().concat();
    assert_eq!(Sha256::digest(stored), Sha256::digest(&film));
    let body = json!({ "name": "Film", "category_id": category, "upload_id": id(&path) });
    let made = app.post("/products/").by(person).json(body).send().await.expect(201);
    let seen = app.processed(person, made.json["id"].as_str().unwrap()).await;
    assert_eq!(seen["processing_status"], "READY", "{seen}");
    eventually("only what is shown is left", async || {
        let shown = ["posters/", "sprites/", "videos/"];
        let is_shown = |name: &String| shown.iter().any(|folder| name.starts_with(folder));
        bucket.objects().iter().all(is_shown).then_some(())
    })
    .await;
}

#[tokio::test]
async fn expired_uploads_leave_the_bucket() {
    let bucket = Bucket::serve().await;
    let uploader = Uploader::of(bucket.app(&[]).await).await;
    let (late, whole) = (uploader.create(10).await, uploader.upload(b"bytes").await);
    uploader.patch(&late, 0, b"bytes").await.expect(204);
    assert_eq!(bucket.objects().len(), 2);
    expire(&uploader.app, &late).await;

    let swept = uploader.app.run(&["worker", "sweep", "--json"]).await.expect(0).json();

    assert_eq!(swept["expired"], 1);
    assert_eq!(bucket.objects(), parts(&uploader.app.pool(), &whole).await);
}
