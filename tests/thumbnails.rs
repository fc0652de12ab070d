//! What a player's bar shows of a video.

use domain::Role;

use crate::support::{TestApp, video};

#[tokio::test]
async fn cues_lead_to_the_sprite_for_whoever_may_see_the_product() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let stranger = app.user(Role::EndUser).await;
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    let seen = app.processed(&seller, &product).await;
    let cues = format!("/products/{product}/thumbnails.vtt");

    let text = app.get(&cues).by(&seller).send().await.expect(200);
    app.get(&cues).by(&stranger).send().await.expect(404);

    assert_eq!(text.header("content-type"), "text/vtt");
    let text = String::from_utf8(text.bytes.clone()).unwrap();
    assert!(text.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01."), "{text}");
    let (relative, place) = text.lines().nth(3).unwrap().split_once('#').unwrap();
    assert_eq!(place, "xywh=0,0,160,120");
    let sprite = cues.replace("thumbnails.vtt", relative);
    let picture = app.get(&sprite).by(&seller).send().await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    assert!(picture.bytes.starts_with(&[0xff, 0xd8, 0xff]));
    let again = app.get(&sprite).by(&seller).header("If-None-Match", picture.etag());
    again.send().await.expect(304);
    app.get(&sprite).by(&stranger).send().await.expect(404);
    // The poster's link opens them, too.
    let (_, signature) = seen["poster_url"].as_str().unwrap().split_once('?').unwrap();
    for path in [&cues, &sprite] {
        app.get(&format!("{path}?{signature}")).send().await.expect(200);
    }

    // As if it had been finished before there were thumbnails.
    std::fs::remove_dir_all(app.data_dir().join("media/sprites")).unwrap();
    app.get(&cues).by(&seller).send().await.expect(404);
    app.get(&sprite).by(&seller).send().await.expect(404);
    app.get(&format!("/products/{product}/poster/")).by(&seller).send().await.expect(200);
    app.finish().await;
}
