//! Links that stand for a header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use serde_json::{Value, json};

use super::Cinema;
use crate::support::{Answer, TestApp, eventually, video, video_form};

async fn given(app: &TestApp, link: &str) -> Answer {
    app.get(link).send().await
}

#[tokio::test]
async fn a_link_needs_no_header_and_every_answer_has_one() {
    let cinema = Cinema::open().await;
    let Cinema { app, seller, product, .. } = &cinema;

    let [video, poster] = cinema.links(seller).await;
    let thumbnails = app.see(seller, product).await["thumbnails_url"].clone();
    let thumbnails = given(app, thumbnails.as_str().unwrap()).await.expect(200);
    assert_eq!(thumbnails.header("content-type"), "text/vtt");

    assert!(video.starts_with(&format!("/products/{product}/video/?signature=")), "{video}");
    let whole = given(app, &video).await.expect(200);
    assert_eq!(&whole.bytes[4..8], b"ftyp");
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    assert_eq!(given(app, &poster).await.expect(200).header("content-type"), "image/jpeg");
    assert_eq!(whole.header("referrer-policy"), "no-referrer");
    // Without a slash, as any other path.
    given(app, &video.replace("/video/?", "/video?")).await.expect(200);

    let path = format!("/products/{product}/");
    let now = time::OffsetDateTime::now_utc();
    let now = now.format(&time::format_description::well_known::Rfc3339).unwrap();
    let lists = ["/products/?uploaded_by=me", "/products/history/"];
    let mut shown = vec![app.get(&format!("{path}?as_of={now}")).by(seller).send().await.json];
    for list in lists {
        shown.push(app.get(list).by(seller).send().await.expect(200).json["results"][0].clone());
    }
    let call = app.patch(&path).by(seller).json(json!({ "name": "Cycle" }));
    shown.push(call.send().await.expect(200).json);
    for shown in shown {
        let link = shown["video_url"].as_str().unwrap_or_else(|| panic!("{shown}"));
        assert!(link.contains("?signature="), "{shown}");
        given(app, link).await.expect(200);
    }
}

#[tokio::test]
async fn a_link_that_was_not_given_opens_nothing() {
    let cinema = Cinema::open().await;
    let Cinema { app, seller, product, category, .. } = &cinema;
    let other = app.product_with(seller, category, video::silent(1)).await;
    app.processed(seller, &other).await;
    let [video, poster] = cinema.links(seller).await;
    let signature = |link: &str| link.split_once('=').unwrap().1.to_owned();
    let (good, of_poster) = (signature(&video), signature(&poster));
    let mut bytes = BASE64.decode(&good).unwrap();
    let mut forged = vec![of_poster, "x".repeat(118), good[1..].to_owned()];
    for place in 0..bytes.len() {
        bytes[place] ^= 1;
        forged.push(BASE64.encode(&bytes));
        bytes[place] ^= 1;
    }

    for forged in forged {
        let path = format!("/products/{product}/video/?signature={forged}");
        assert_eq!(given(app, &path).await.expect(403).code(), "invalid_media_link", "{forged}");
    }
    let missing = uuid::Uuid::now_v7().to_string();
    for path in [other, missing].map(|id| format!("/products/{id}/video/?signature={good}")) {
        assert_eq!(given(app, &path).await.expect(403).code(), "invalid_media_link", "{path}");
    }
    for nothing in ["", "?signature="] {
        given(app, &format!("/products/{product}/video/{nothing}")).await.expect(401);
    }
    // A header counts, whatever else there is.
    let call = app.get(&format!("/products/{product}/video/?signature=x")).by(seller);
    call.send().await.expect(200);
    app.get(&video).bearer("x").send().await.expect(401);
}

#[tokio::test]
async fn a_link_works_only_while_its_holder_may_see_the_product() {
    let cinema = Cinema::open().await;
    let Cinema { app, staff, product, .. } = &cinema;
    app.approve(staff, product).await.expect(200);
    let admin = app.user(Role::Admin).await;
    let stranger = app.user(Role::EndUser).await;
    let [link, _] = cinema.links(&stranger).await;
    given(app, &link).await.expect(200);

    app.reject(staff, product, "Too loud.").await.expect(200);
    given(app, &link).await.expect(404);
    let body = json!({ "reason": "It is not." });
    let call = app.post(&format!("/products/{product}/approve/")).by(staff).json(body);
    call.send().await.expect(200);
    given(app, &link).await.expect(200);

    // The session of the link, and no other.
    let again = app.sign_in(&stranger.email, &stranger.password).await;
    let [another, _] = cinema.links(&again).await;
    assert_ne!(link, another);
    let body = json!({ "refresh": stranger.refresh });
    app.post("/logout/").by(&stranger).json(body).send().await.expect(205);
    given(app, &link).await.expect(404);
    given(app, &another).await.expect(200);
    let body = json!({ "is_active": false });
    let call = app.patch(&format!("/users/{}/", stranger.id)).by(&admin).json(body);
    call.send().await.expect(200);
    given(app, &another).await.expect(404);
}

#[tokio::test]
async fn a_link_shows_what_its_holders_role_of_now_may_see() {
    let cinema = Cinema::open().await;
    let app = &cinema.app;
    let (admin, moderator) = (app.user(Role::Admin).await, app.user(Role::Staff).await);
    let replica = app.replica().await;
    let [link, _] = cinema.links(&moderator).await;
    app.request_to(&replica, "GET", &link).send().await.expect(200);

    let body = json!({ "role": "END_USER" });
    let call = app.patch(&format!("/users/{}/", moderator.id)).by(&admin).json(body);
    call.send().await.expect(200);

    given(app, &link).await.expect(404);
    eventually("another replica knows", async || {
        let answer = app.request_to(&replica, "GET", &link).send().await;
        (answer.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_link_to_a_video_is_none_to_the_one_that_replaces_it() {
    let cinema = Cinema::open().await;
    let Cinema { app, seller, product, category, .. } = &cinema;
    let [link, _] = cinema.links(seller).await;
    let path = format!("/products/{product}/");
    // What GET gave, its links of another time too, may be sent back.
    let mut whole = app.see(seller, product).await;
    whole["video_url"] = Value::from(format!("{path}video/?signature=of-before"));
    app.put(&path).by(seller).json(whole.clone()).send().await.expect(200);
    whole["video_url"] = Value::from("/products/another/video/");
    let wrong = app.put(&path).by(seller).json(whole).send().await.expect(400);
    assert_eq!((wrong.code(), wrong.wrong()), ("read_only", vec!["video_url"]));

    let form = video_form(category, video::silent(3));
    app.patch(&path).by(seller).multipart(form).send().await.expect(200);
    let ready = app.processed(seller, product).await;

    given(app, &link).await.expect(404);
    given(app, ready["video_url"].as_str().unwrap()).await.expect(200);
    app.delete(&path).by(seller).send().await.expect(204);
    given(app, ready["video_url"].as_str().unwrap()).await.expect(404);
}

#[tokio::test]
async fn links_are_the_same_for_a_while_and_never_out_of_date_in_what_a_client_keeps() {
    let cinema = Cinema::open().await;
    let (one, other) = (cinema.links(&cinema.seller).await, cinema.links(&cinema.seller).await);
    let path = format!("/products/{}/", cinema.product);

    // Unless one window ended just then.
    let again = cinema.links(&cinema.seller).await;
    assert!(one == other || other == again);
    let first = cinema.app.get(&path).by(&cinema.seller).send().await.expect(200);
    let call = cinema.app.get(&path).by(&cinema.seller).header("If-None-Match", first.etag());
    let kept = call.send().await;
    // What a client keeps has the links that it would be given.
    let same = cinema.app.get(&path).by(&cinema.seller).send().await.json == first.json;
    assert!(if same { kept.status == 304 } else { kept.status == 200 }, "{kept:?}");
    let call = cinema.app.get(&path).by(&cinema.staff).header("If-None-Match", first.etag());
    assert_ne!(call.send().await.expect(200).json["video_url"], first.json["video_url"]);
}

#[tokio::test]
async fn no_log_has_a_link() {
    let app = TestApp::start_with(&[("RUST_LOG", "trace")]).await;
    let cinema = Cinema::of(app).await;
    let [link, poster] = cinema.links(&cinema.seller).await;
    for path in [&link, &poster, &format!("{link}x")] {
        given(&cinema.app, path).await;
    }

    let said = cinema.app.stderr();

    assert!(said.contains("getProductVideo") || said.contains("/products/{id}/video/"), "no log");
    for link in [link, poster] {
        let signature = link.split_once("signature=").unwrap().1;
        let told = said.lines().find(|line| line.contains(signature));
        assert_eq!(told, None);
    }
}

#[tokio::test]
async fn every_file_says_under_which_name_it_is_shown_and_saved() {
    let cinema = Cinema::open().await;
    let path = format!("/products/{}/", cinema.product);

    for (file, name) in [
        ("video/", "video-{}.mp4"),
        ("poster/", "poster-{}.jpg"),
        ("sprite/", "sprite-{}.jpg"),
        ("thumbnails.vtt", "thumbnails-{}.vtt"),
    ] {
        let call = cinema.app.get(&format!("{path}{file}")).by(&cinema.seller);
        let answer = call.header("range", "bytes=0-3").send().await;
        assert!(matches!(answer.status, 200 | 206), "{answer:?}");
        let name = name.replace("{}", &cinema.product);
        let wanted = format!("inline; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), wanted);
    }
}
