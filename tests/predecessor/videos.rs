//! Videos.

use reqwest::multipart::Form;
use serde_json::json;

use super::{Shop, files, kinds};
use crate::support::{TestApp, eventually, id, video, video_form};

#[tokio::test]
async fn rows_05_and_06_a_product_with_a_video_is_saved_whole_or_not_at_all() {
    let shop = Shop::open().await;

    let product = shop.app.product_with(&shop.seller, &shop.category, video::silent(1)).await;
    let finished = shop.app.processed(&shop.seller, &product).await;
    assert_eq!(finished["processing_status"], "READY", "{finished}");
    let media = shop.app.data_dir().join("media");
    let kept = files(&media);

    let nowhere = "0190a1b2-0000-7000-8000-000000000000";
    for form in [video_form(nowhere, video::mp4()), video_form("x", video::mp4())] {
        let call = shop.app.post("/products/").by(&shop.seller).multipart(form);
        assert_eq!(call.send().await.expect(400).wrong(), ["category_id"]);
    }

    let listed = shop.app.get("/products/").by(&shop.seller).send().await.expect(200);
    assert_eq!(listed.ids(), [product]);
    eventually("the refused files are gone", async || (files(&media) <= kept).then_some(())).await;
    shop.app.finish().await;
}

#[tokio::test]
async fn row_07_a_video_over_the_limit_is_refused_and_leaves_nothing() {
    let app = TestApp::start_with(&[("MAX_VIDEO_BYTES", "100000")]).await;
    let shop = Shop::of(app).await;
    let large = vec![7; 100_001];

    let form = video_form(&shop.category, large);
    let refused = shop.app.post("/products/").by(&shop.seller).multipart(form).send().await;

    assert_eq!(refused.expect(413).code(), "video_too_large");
    let listed = shop.app.get("/products/").by(&shop.seller).send().await.expect(200);
    assert!(listed.ids().is_empty());
    let media = shop.app.data_dir().join("media");
    eventually("the refused file is gone", async || (files(&media) == 0).then_some(())).await;
}

#[tokio::test]
async fn row_08_a_video_beside_other_parts_is_stored() {
    let shop = Shop::open().await;
    let film = video::silent(1);

    let product = shop.app.product_with(&shop.seller, &shop.category, film).await;

    let seen = shop.app.processed(&shop.seller, &product).await;
    assert_eq!(seen["name"], "Bicycle");
    assert_eq!(seen["price"], json!({ "amount": "120.00", "currency": "EUR" }));
    assert!(seen["video"]["size"].as_i64().unwrap() > 0);
    let empty = shop.app.post("/products/").by(&shop.seller).multipart(Form::new()).send().await;
    assert_eq!(empty.expect(400).wrong(), ["category_id", "name"]);
}

#[tokio::test]
async fn row_49_a_program_is_no_video_whatever_its_name() {
    let shop = Shop::open().await;
    let mut program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    program.resize(4096, 0);
    let fakes = [
        (program, "The file is not a video"),
        (b"#!/bin/sh\nrm -rf /\n".to_vec(), "The file is not a video"),
        (video::audio_only_mp4(), "it holds only sound"),
        (video::hls_playlist(), "not a"),
        (video::truncated(), "The video is cut off"),
    ];

    for (fake, why) in fakes {
        let product = shop.app.product_with(&shop.seller, &shop.category, fake).await;

        let seen = shop.app.processed(&shop.seller, &product).await;
        assert_eq!(seen["processing_status"], "FAILED", "{why}");
        assert!(seen["video"].is_null() && seen["video_url"].is_null(), "{seen}");
        let path = format!("/products/{product}/video/");
        shop.app.get(&path).by(&shop.seller).send().await.expect(404);
        let timeline = shop.timeline(&product).await;
        assert_eq!(kinds(&timeline), ["ProductSubmitted", "VideoUploaded", "VideoFailed"]);
        let reason = timeline[2]["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{reason}");
        let refused = shop.app.approve(&shop.staff, &product).await.expect(409);
        assert_eq!(refused.code(), "video_not_ready");
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn row_20_and_50_a_video_is_finished_after_the_request_and_its_progress_is_told() {
    let shop = Shop::open().await;
    let form = video_form(&shop.category, video::silent(5));

    let call = shop.app.post("/products/").by(&shop.seller).multipart(form);
    let submitted = call.send().await.expect(201);

    assert_eq!(submitted.json["processing_status"], "PROCESSING");
    assert!(submitted.json["video"].is_null());
    let ready = shop.app.processed(&shop.seller, &id(&submitted)).await;
    assert_eq!(
        (&ready["processing_status"], &ready["processing_progress"]),
        (&json!("READY"), &json!(100))
    );
    let timeline = shop.timeline(&id(&submitted)).await;
    assert_eq!(timeline[2]["actor"]["system"], "video-finalizer");
}
