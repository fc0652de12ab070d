//! What nobody needs goes, and what somebody needs stays.

use std::fs;

use domain::Role;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::cutter::address;
use super::{Uploader, arrived, expire, id, noise, stored};
use crate::support::{TestApp, eventually, video};

async fn sweep(app: &TestApp, older_than: &str) -> serde_json::Value {
    let swept = app.run(&["worker", "sweep", "--older-than", older_than, "--json"]).await;
    swept.expect(0).json()
}

#[tokio::test]
async fn expired_uploads_go_with_their_bytes() {
    let uploader = Uploader::start().await;
    let (late, whole) = (uploader.create(10).await, uploader.upload(b"bytes").await);
    uploader.patch(&late, 0, b"bytes").await.expect(204);
    expire(&uploader.app, &late).await;

    let swept = sweep(&uploader.app, "86400").await;

    assert_eq!(swept, json!({ "expired": 1, "orphans": 0, "temporary": 0, "mails": 0 }));
    assert_eq!(uploader.head(&late).await.status, 410);
    arrived(&uploader.app, &whole, b"bytes").await;
    let long_ago = "UPDATE uploads SET expires_at = now() - interval '2 days' WHERE id = $1::uuid";
    sqlx::query(long_ago).bind(id(&late)).execute(&uploader.app.pool()).await.unwrap();
    sweep(&uploader.app, "86400").await;
    assert_eq!(uploader.head(&late).await.status, 404);
    assert_eq!(uploader.offset(&whole).await, 5);
}

#[tokio::test]
async fn only_old_files_that_nothing_refers_to_go() {
    let uploader = Uploader::start().await;
    let app = &uploader.app;
    let staff = app.user(Role::Staff).await;
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&uploader.person, &category, video::mp4()).await;
    app.processed(&uploader.person, &product).await;
    eventually("the original is removed", async || (stored(app).len() == 4).then_some(())).await;
    let path = uploader.upload(b"bytes").await;
    let mut needed = stored(app);
    let media = app.data_dir().join("media");
    let other = uuid::Uuid::now_v7();
    let orphans = [
        format!("uploads/{other}/0-1"),
        format!("uploads/{}/0-99", id(&path)),
        format!("uploads/{}/5-100#1", id(&path)),
        format!("originals/{other}"),
        format!("originals/{other}#1"),
        format!("unfinished/3/videos/{other}.mp4"),
        format!("videos/{other}.webm"),
        format!("posters/{other}.jpg"),
        format!("sprites/{other}.vtt"),
    ];
    for orphan in &orphans {
        let file = media.join(orphan);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }
    let foreign = media.join("videos/readme.txt");
    fs::write(&foreign, "not ours").unwrap();

    let young = sweep(app, "3600").await;
    assert_eq!(young, json!({ "expired": 0, "orphans": 0, "temporary": 0, "mails": 0 }));
    let swept = sweep(app, "0").await;

    assert_eq!(swept, json!({ "expired": 0, "orphans": 7, "temporary": 2, "mails": 0 }));
    assert!(foreign.exists());
    fs::remove_file(foreign).unwrap();
    let mut left = stored(app);
    left.sort();
    needed.sort();
    assert_eq!(left, needed);
    assert_eq!(sweep(app, "0").await["orphans"], 0);
    arrived(app, &path, b"bytes").await;
    app.get(&format!("/products/{product}/video/")).by(&staff).send().await.expect(200);
}

#[tokio::test]
async fn what_is_being_written_stays_however_old_it_is() {
    let uploader = Uploader::start().await;
    let bytes = noise(61 << 20, 12);
    let path = uploader.create(bytes.len()).await;
    let mut stream = TcpStream::connect(address(&uploader.app.url(""))).await.unwrap();
    let head = uploader.raw_patch(&path, 0, bytes.len());
    // With a checksum a part that is full is recorded only at the end.
    let sum = {
        use base64::Engine;
        use sha2::Digest;
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(&bytes))
    };
    let head = head.replace("\r\n\r\n", &format!("\r\nUpload-Checksum: sha256 {sum}\r\n\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..60 << 20]).await.unwrap();
    let part = eventually("a part is full", async || {
        let parts = stored(&uploader.app);
        parts.into_iter().find(|file| !file.to_string_lossy().contains('#'))
    })
    .await;

    let swept = sweep(&uploader.app, "0").await;

    assert_eq!(swept["orphans"], 0);
    assert!(part.exists());
    stream.write_all(&bytes[60 << 20..]).await.unwrap();
    eventually("all is there", async || {
        let whole = "SELECT sha256 IS NOT NULL FROM uploads";
        let whole: bool = sqlx::query_scalar(whole).fetch_one(&uploader.app.pool()).await.unwrap();
        whole.then_some(())
    })
    .await;
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn the_uploads_of_somebody_who_was_erased_go() {
    let uploader = Uploader::start().await;
    let call = uploader.call("POST", "/uploads/").header("Upload-Length", "10");
    let call = call.header("Upload-Metadata", "filename Y2FuYXJ5");
    let path = super::location(&call.send().await);
    uploader.patch(&path, 0, b"bytes").await.expect(204);

    uploader.app.erase(&uploader.person).await;

    let metadata: String = sqlx::query_scalar("SELECT metadata FROM uploads")
        .fetch_one(&uploader.app.pool())
        .await
        .unwrap();
    assert_eq!(metadata, "");
    let later = "UPDATE uploads SET expires_at = expires_at - interval '2 minutes'";
    sqlx::query(later).execute(&uploader.app.pool()).await.unwrap();
    assert_eq!(sweep(&uploader.app, "86400").await["expired"], 1);
    assert!(stored(&uploader.app).is_empty());
}

#[tokio::test]
async fn a_worker_sweeps_by_itself() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    uploader.patch(&path, 0, b"bytes").await.expect(204);
    expire(&uploader.app, &path).await;
    let lapse = "UPDATE leases SET until = now() WHERE name = 'sweeper'";
    sqlx::query(lapse).execute(&uploader.app.pool()).await.unwrap();

    let _worker = uploader.app.program.serve(&["worker"]).await;

    eventually("the bytes are gone", async || stored(&uploader.app).is_empty().then_some(())).await;
}
