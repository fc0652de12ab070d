//! Files in a bucket.

use domain::Role;

use super::Cinema;
use crate::support::{Answer, Bucket, TestApp, eventually, video, video_form};
use crate::thumbnails::first_cue;

/// Sends a request where the answer says.
async fn followed(app: &TestApp, method: &str, link: &str, headers: &[(&str, &str)]) -> Answer {
    let sent = app.request(method, link).send().await;
    assert_eq!((sent.status, sent.bytes.len()), (307, 0), "{sent:?}");
    let call = crate::support::Call::new(&app.client, method, sent.header("location"));
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

#[tokio::test]
async fn a_bucket_gives_its_files_out_by_itself() {
    let bucket = Bucket::serve().await;
    let cinema = Cinema::of(bucket.app(&[]).await).await;
    let Cinema { app, seller, product, .. } = &cinema;
    let seen = app.see(seller, product).await;
    let [link, poster] = cinema.links(seller).await;

    let whole = followed(app, "GET", &link, &[]).await;
    let part = followed(app, "GET", &link, &[("Range", "bytes=4-7")]).await;
    let head = followed(app, "HEAD", &link, &[]).await;
    let picture = followed(app, "GET", &poster, &[]).await;

    assert_eq!((whole.status, whole.bytes.len()), (200, size(&seen)));
    assert_eq!(digest(&whole.bytes), seen["video"]["sha256"].as_str().unwrap());
    assert_eq!((part.status, part.bytes.as_slice()), (206, b"ftyp".as_slice()));
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, size(&seen).to_string().as_str())
    );
    assert_eq!(&picture.bytes[..3], b"\xff\xd8\xff");
    let name = format!("inline; filename=\"video-{product}.mp4\"");
    assert_eq!(whole.header("content-disposition"), name);
    // What is made for each who asks comes from here, and leads there.
    let cues = app.get(&poster.replace("/poster/", "/thumbnails.vtt")).send().await.expect(200);
    let path = format!("/products/{product}/thumbnails.vtt");
    let (sprite, _) = first_cue(&path, std::str::from_utf8(&cues.bytes).unwrap());
    let sprite = followed(app, "GET", &sprite, &[]).await;
    assert_eq!(&sprite.bytes[..3], b"\xff\xd8\xff");
    // Without the address, or with another's, the bucket gives nothing.
    let sent = app.get(&link).send().await;
    let location = sent.header("location");
    assert!(
        location.contains("X-Amz-Expires=60&") && location.contains("response-content-type=video")
    );
    for wrong in
        [location.split('?').next().unwrap().to_owned(), location.replace("/videos/", "/posters/")]
    {
        let refused = app.client.get(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{wrong}");
    }
    let stranger = app.user(Role::EndUser).await;
    app.get(&format!("/products/{product}/video/")).by(&stranger).send().await.expect(404);
}

#[tokio::test]
async fn files_live_and_die_in_a_bucket_as_in_a_folder() {
    let bucket = Bucket::serve().await;
    let cinema = Cinema::of(bucket.app(&[("S3_PRESIGNED_URLS", "false")]).await).await;
    let Cinema { app, seller, product, category, .. } = &cinema;
    let [link, poster] = cinema.links(seller).await;
    let seen = app.see(seller, product).await;
    let first = without_originals(&bucket).await;
    let folders: Vec<_> = first.iter().map(|key| key.split('/').next().unwrap()).collect();
    assert_eq!(folders, ["posters", "sprites", "sprites", "videos"]);

    let whole = app.get(&link).send().await.expect(200);
    assert_eq!(digest(&whole.bytes), seen["video"]["sha256"].as_str().unwrap());
    let part = app.get(&link).header("Range", "bytes=-9").send().await.expect(206);
    assert_eq!(part.bytes, whole.bytes[whole.bytes.len() - 9..]);
    assert_eq!(app.get(&poster).send().await.expect(200).header("content-type"), "image/jpeg");
    app.get("/readyz").send().await.expect(200);

    let path = format!("/products/{product}/");
    let form = video_form(category, video::silent(3));
    app.patch(&path).by(seller).multipart(form).send().await.expect(200);
    let ready = app.processed(seller, product).await;
    app.get(&link).send().await.expect(404);
    let other = app.get(ready["video_url"].as_str().unwrap()).send().await.expect(200);
    assert_eq!(digest(&other.bytes), ready["video"]["sha256"].as_str().unwrap());
    without_originals(&bucket).await;

    let form = video_form(category, b"no film at all".repeat(1_000));
    app.patch(&path).by(seller).multipart(form).send().await.expect(200);
    assert_eq!(app.processed(seller, product).await["processing_status"], "FAILED");
    app.delete(&path).by(seller).send().await.expect(204);
    app.get(ready["video_url"].as_str().unwrap()).send().await.expect(404);
    eventually("nothing unfinished is left", async || {
        let unsettled =
            |name: &String| name.starts_with("originals/") || name.starts_with("unfinished/");
        (!bucket.objects().iter().any(unsettled)).then_some(())
    })
    .await;
}

fn size(seen: &serde_json::Value) -> usize {
    usize::try_from(seen["video"]["size"].as_u64().unwrap()).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}

/// What is there once the worker has removed what it no longer needs, which it does last.
async fn without_originals(bucket: &Bucket) -> Vec<String> {
    eventually("the originals are gone", async || {
        let objects = bucket.objects();
        objects.iter().all(|name| !name.starts_with("originals/")).then_some(objects)
    })
    .await
}
