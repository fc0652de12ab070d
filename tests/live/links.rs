//! Links that open a stream without a header, for a browser's `EventSource`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::Role;
use serde_json::{Value, json};

use super::watching::Stream;
use super::{ENDINGS, Ending, Shop};
use crate::support::{Person, TestApp};

/// The link to a product's events, as somebody gets it.
async fn link_to(app: &TestApp, person: &Person, product: &str) -> String {
    let seen = app.see(person, product).await;
    seen["live_url"].as_str().unwrap_or_else(|| panic!("{seen}")).to_owned()
}

/// The link to the events of all that concerns somebody.
async fn own_link(app: &TestApp, person: &Person) -> String {
    let me = app.get("/me/").by(person).send().await.expect(200).json;
    me["live_url"].as_str().unwrap_or_else(|| panic!("{me}")).to_owned()
}

#[tokio::test]
async fn a_product_and_me_name_a_link_that_needs_no_header() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;

    let (link, own) =
        (link_to(&shop.app, &shop.seller, &product).await, own_link(&shop.app, &shop.seller).await);
    let mut stream = Stream::of(shop.app.get(&link)).await;
    let mut of_own = Stream::of(shop.app.get(&own)).await;

    assert!(link.starts_with(&format!("/products/{product}/live/?signature=")), "{link}");
    assert!(own.starts_with("/live/?signature="), "{own}");
    for stream in [&mut stream, &mut of_own] {
        let snapshot = stream.next("snapshot").await;
        assert_eq!(snapshot.data["results"][0]["id"], product.as_str());
        assert_eq!(snapshot.data["type"], "snapshot");
    }
    shop.rename(&product, "Lantern").await;
    for stream in [&mut stream, &mut of_own] {
        let renamed = stream.next("product").await;
        assert_eq!(renamed.data["product"]["name"], "Lantern");
        // What the stream shows can be watched on.
        let next = renamed.data["product"]["live_url"].as_str().unwrap();
        Stream::of(shop.app.get(next)).await.next("snapshot").await;
    }
    let lists = shop.app.get("/products/").by(&shop.seller).send().await.expect(200).json;
    let listed = lists["results"][0]["live_url"].as_str().unwrap();
    Stream::of(shop.app.get(listed)).await.next("snapshot").await;
}

#[tokio::test]
async fn a_link_that_was_not_given_opens_no_stream() {
    let shop = Shop::open().await;
    let (product, other) = (shop.product("Lamp").await, shop.product("Lamp").await);
    let (link, own) =
        (link_to(&shop.app, &shop.seller, &product).await, own_link(&shop.app, &shop.seller).await);
    let signature = |link: &str| link.split_once("signature=").unwrap().1.to_owned();
    let good = signature(&link);
    let mut bytes = BASE64.decode(&good).unwrap();
    let mut forged = vec!["x".repeat(118), good[1..].to_owned(), signature(&own)];
    for place in 0..bytes.len() {
        bytes[place] ^= 1;
        forged.push(BASE64.encode(&bytes));
        bytes[place] ^= 1;
    }

    let mut paths: Vec<_> = forged
        .iter()
        .map(|forged| format!("/products/{product}/live/?signature={forged}"))
        .collect();
    paths.extend([
        format!("/products/{other}/live/?signature={good}"),
        format!("/live/?signature={good}"),
        format!("/products/{product}/video/?signature={good}"),
    ]);

    for path in paths {
        let refused = shop.app.get(&path).send().await.expect(403);
        assert_eq!(refused.code(), "invalid_media_link", "{path}");
    }
    shop.app.get("/live/?signature=").send().await.expect(401);
    // A header counts, whatever else there is.
    shop.app.get(&own).bearer("x").send().await.expect(401);
    shop.app.get("/live/?signature=x").by(&shop.seller).open().await.error_for_status().unwrap();
    shop.app.get(&format!("{own}&more=1")).send().await.expect(400);
}

#[tokio::test]
async fn a_link_shows_no_more_than_its_holder_may_see() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let stranger = shop.app.user(Role::EndUser).await;
    shop.app.approve(&shop.staff, &product).await.expect(200);
    let link = link_to(&shop.app, &stranger, &product).await;
    let mut stream = Stream::of(shop.app.get(&link)).await;
    stream.next("snapshot").await;

    shop.app.reject(&shop.staff, &product, "Too bright.").await.expect(200);

    let gone = stream.next("gone").await;
    assert_eq!(gone.data["happened"], Value::Null);
    stream.ends().await;
    shop.app.get(&link).send().await.expect(404);
}

#[tokio::test]
async fn a_link_and_its_stream_end_with_the_access_of_its_holder_on_every_replica() {
    let shop = Shop::open().await;
    let replica = shop.app.replica().await;
    let product = shop.product("Lamp").await;

    for how in ENDINGS {
        let person = shop.app.user(Role::Staff).await;
        let link = own_link(&shop.app, &person).await;
        let mut stream = Stream::of(shop.app.get(&link)).await;
        stream.next("snapshot").await;

        shop.end_access(how, &person, &replica, &product).await;

        stream.ends().await;
        if how == Ending::Role {
            // The session lives on, with what its role of now may see.
            let mut stream = Stream::of(shop.app.get(&link)).await;
            let snapshot = stream.next("snapshot").await;
            assert_eq!(snapshot.data["results"], json!([]));
        } else {
            shop.app.get(&link).send().await.expect(404);
        }
    }
}

#[tokio::test]
async fn links_count_for_the_tag_of_me_and_may_be_sent_back() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;

    let first = shop.app.get("/me/").by(&shop.seller).send().await.expect(200);
    let call = shop.app.get("/me/").by(&shop.seller).header("If-None-Match", first.etag());
    let kept = call.send().await;

    let now = shop.app.get("/me/").by(&shop.seller).send().await.expect(200);
    assert_eq!(kept.status == 304, now.json == first.json, "{kept:?}");
    // Another session has another link, and so another representation.
    let again = shop.app.sign_in(&shop.seller.email, &shop.seller.password).await;
    let call = shop.app.get("/me/").by(&again).header("If-None-Match", first.etag());
    assert_ne!(call.send().await.expect(200).json["live_url"], first.json["live_url"]);
    // If-Match is about the version alone.
    let mut me = first.json.clone();
    me["live_url"] = json!("/live/?signature=of-before");
    let call = shop.app.patch("/me/").by(&again).header("If-Match", first.etag());
    call.json(me.clone()).send().await.expect(200);
    me["live_url"] = json!("/products/");
    let wrong = shop.app.patch("/me/").by(&again).json(me).send().await.expect(400);
    assert_eq!((wrong.code(), wrong.wrong()), ("read_only", vec!["live_url"]));
    let path = format!("/products/{product}/");
    let mut whole = shop.app.see(&shop.seller, &product).await;
    whole["live_url"] = json!(format!("{path}live/?signature=of-before"));
    shop.app.put(&path).by(&shop.seller).json(whole).send().await.expect(200);
}
