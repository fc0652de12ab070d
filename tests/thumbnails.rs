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
    let (link, place) = first_cue(&cues, &text);
    assert_eq!(place, "xywh=0,0,160,120");
    let sprite = link.split('?').next().unwrap().to_owned();
    let picture = app.get(&sprite).by(&seller).send().await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    assert!(picture.bytes.starts_with(&[0xff, 0xd8, 0xff]));
    let again = app.get(&sprite).by(&seller).header("If-None-Match", picture.etag());
    again.send().await.expect(304);
    app.get(&sprite).by(&stranger).send().await.expect(404);
    // A player sends no header: each cue is a link, and the poster's opens the cues.
    app.get(&link).send().await.expect(200);
    let (_, signature) = seen["poster_url"].as_str().unwrap().split_once('?').unwrap();
    let cues_link = format!("{cues}?{signature}");
    let text = app.get(&cues_link).send().await.expect(200);
    assert_eq!(text.header("cache-control"), "private, no-cache");
    let (link, _) = first_cue(&cues, std::str::from_utf8(&text.bytes).unwrap());
    assert_eq!(link, format!("{sprite}?{signature}"));
    app.get(&link).send().await.expect(200);

    // As if it had been finished before there were thumbnails.
    std::fs::remove_dir_all(app.data_dir().join("media/sprites")).unwrap();
    app.get(&cues).by(&seller).send().await.expect(404);
    app.get(&sprite).by(&seller).send().await.expect(404);
    app.get(&format!("/products/{product}/poster/")).by(&seller).send().await.expect(200);
    app.finish().await;
}

/// Where the first picture is, and where in it.
pub(crate) fn first_cue(cues: &str, text: &str) -> (String, String) {
    let (relative, place) = text.lines().nth(3).unwrap().split_once('#').unwrap();
    (cues.replace("thumbnails.vtt", relative), place.to_owned())
}
