//! Files that are no videos, and forms that are none.

use domain::Role;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{events, stored};
use crate::refusal::refused;
use crate::support::{Person, TestApp, eventually, id, video, video_form};

struct Shop {
    app: TestApp,
    seller: Person,
    category: String,
}

impl Shop {
    async fn with(variables: &[(&str, &str)]) -> Self {
        let app = TestApp::start_with(variables).await;
        let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
        let category = app.category(&staff, "Lamps").await;
        Self { app, seller, category }
    }

    fn form(&self, file: Vec<u8>, name: &str) -> Form {
        let part = Part::bytes(file).file_name(name.to_owned());
        Form::new()
            .text("name", "Lamp")
            .text("category_id", self.category.clone())
            .part("video", part)
    }

    /// The reason that a file failed for, as its owner reads it.
    async fn failed(&self, file: Vec<u8>, name: &str) -> String {
        let form = self.form(file, name);
        let made = self.app.post("/products/").by(&self.seller).multipart(form).send().await;
        let product = id(&made.expect(201));
        let seen = self.app.processed(&self.seller, &product).await;
        assert_eq!(seen["processing_status"], "FAILED", "{name}: {seen}");
        assert_eq!((&seen["video"], &seen["video_url"]), (&Value::Null, &Value::Null));
        let path = format!("/products/{product}/moderation/");
        let timeline = self.app.get(&path).by(&self.seller).send().await.expect(200).json;
        let entries = timeline["results"].as_array().unwrap();
        let failed = entries.iter().find(|entry| entry["type"] == "VideoFailed").unwrap();
        for file in ["video/", "poster/", "sprite/", "thumbnails.vtt"] {
            let path = format!("/products/{product}/{file}");
            refused(self.app.get(&path).by(&self.seller).send().await, 404, "not_found");
        }
        failed["reason"].as_str().unwrap().to_owned()
    }
}

// Row 49: x.exe was served as a video.
#[tokio::test]
async fn a_file_that_is_no_video_fails_with_a_reason_for_its_owner() {
    let shop = Shop::with(&[]).await;
    let program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff".repeat(100);

    for (file, name) in [
        (video::truncated(), "truncated.mp4"),
        (video::audio_only_mp4(), "song.mp4"),
        (video::hls_playlist(), "playlist.mp4"),
        (program, "x.exe"),
        (b"<html><script>alert(1)</script></html>".to_vec(), "page.mp4"),
    ] {
        let reason = shop.failed(file, name).await;

        assert!(reason.ends_with('.') && reason.contains(' '), "{name}: {reason}");
        for secret in ["/tmp", "ffmpeg", "ffprobe", "file:", "passwd", "exit", "data/"] {
            assert!(!reason.contains(secret), "{name}: {reason}");
        }
    }
    let failed = shop.app.get("/products/?processing_status=FAILED").by(&shop.seller);
    assert_eq!(failed.send().await.expect(200).ids().len(), 5);
    eventually("the files are removed", async || stored(&shop.app).is_empty().then_some(())).await;
    shop.app.finish().await;
}

#[tokio::test]
async fn an_empty_file_and_a_form_of_nothing_are_refused_and_leave_nothing() {
    let shop = Shop::with(&[]).await;
    let before = events(&shop.app.pool()).await;
    let post = || shop.app.post("/products/").by(&shop.seller);

    let empty = post().multipart(shop.form(vec![], "film.mp4")).send().await;
    assert_eq!(refused(empty, 400, "invalid_input").wrong(), ["video"]);
    let kind = "multipart/form-data; boundary=b";
    for body in ["", "--b--\r\n"] {
        let nothing = post().body(body.as_bytes().to_vec(), kind).send().await;
        assert!(matches!(nothing.code(), "invalid_input" | "malformed_multipart"), "{nothing:?}");
        nothing.expect(400);
    }
    for body in ["nonsense", "--b\r\nnonsense", "--b\r\n\r\n", "--c--\r\n"] {
        let broken = post().body(body.as_bytes().to_vec(), kind).send().await;
        refused(broken, 400, "malformed_multipart");
    }

    let unbound = post().body(b"--b--".to_vec(), "multipart/form-data").send().await;
    assert!(matches!(unbound.status, 400 | 415), "{unbound:?}");
    assert_eq!(events(&shop.app.pool()).await, before);
    assert_eq!(stored(&shop.app), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn everything_wrong_in_a_form_is_told_at_once_by_the_names_of_its_parts() {
    let shop = Shop::with(&[]).await;
    let form = Form::new()
        .text("name", "a\0b")
        .text("description", "x".repeat(20_001))
        .text("category_id", "nonsense")
        .text("price_amount", "much")
        .text("price_currency", "EUR")
        .text("colour", "red")
        .text("video", "videos/secret.mp4");

    let answer = shop.app.post("/products/").by(&shop.seller).multipart(form).send().await;

    let answer = refused(answer, 400, "invalid_input");
    let wrong = answer.wrong();
    assert!(wrong.contains(&"colour") && wrong.contains(&"video"), "{wrong:?}");
}

#[tokio::test]
async fn wrong_texts_of_a_form_take_its_video_back_out_of_storage() {
    let shop = Shop::with(&[]).await;
    let before = events(&shop.app.pool()).await;
    let form = Form::new()
        .part("video", Part::bytes(video::mp4()).file_name("film.mp4"))
        .text("name", " ")
        .text("price_amount", "-1")
        .text("price_currency", "EUR");

    let answer = shop.app.post("/products/").by(&shop.seller).multipart(form).send().await;

    let answer = refused(answer, 400, "invalid_input");
    assert_eq!(answer.wrong(), ["category_id", "name", "price_amount"]);
    eventually("the file is removed", async || stored(&shop.app).is_empty().then_some(())).await;
    assert_eq!(events(&shop.app.pool()).await, before);
}

// Row 7: a video over the limit was accepted.
#[tokio::test]
async fn a_video_over_the_limit_is_refused_and_leaves_nothing() {
    let shop = Shop::with(&[("MAX_VIDEO_BYTES", "100000")]).await;
    let before = events(&shop.app.pool()).await;
    let send = |bytes: usize| {
        let form = video_form(&shop.category, vec![7; bytes]);
        shop.app.post("/products/").by(&shop.seller).multipart(form).try_send()
    };

    // Within what a form may have besides its file, and beyond it: a client that goes on sending then
    // may find the connection closed before they read the answer.
    refused(send(100_001).await.unwrap(), 413, "video_too_large");
    if let Ok(answer) = send(2_000_000).await {
        refused(answer, 413, "video_too_large");
    }

    eventually("the file is removed", async || stored(&shop.app).is_empty().then_some(())).await;
    assert_eq!(events(&shop.app.pool()).await, before);
    send(100_000).await.unwrap().expect(201);
}

#[tokio::test]
async fn a_video_of_somebody_elses_product_is_not_even_stored() {
    let shop = Shop::with(&[]).await;
    let product = shop.app.product(&shop.seller, &shop.category, "Lamp").await;
    let other = shop.app.user(Role::EndUser).await;
    let path = format!("/products/{product}/");
    let form = shop.form(video::mp4(), "film.mp4");

    refused(shop.app.put(&path).by(&other).multipart(form).send().await, 404, "not_found");

    eventually("nothing is stored", async || stored(&shop.app).is_empty().then_some(())).await;
    let seen = shop.app.see(&shop.seller, &product).await;
    assert_eq!((&seen["video"], &seen["version"]), (&Value::Null, &json!(1)));
}
