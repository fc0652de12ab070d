//! Products as they were.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;
use crate::refusal::refused;
use crate::support::{Person, TestApp, video, video_form};

async fn at_version(app: &TestApp, person: &Person, product: &str, version: &Value) -> Value {
    let path = format!("/products/{product}/?version={version}");
    app.get(&path).by(person).send().await.expect(200).json
}

#[tokio::test]
async fn the_history_shows_the_last_name_of_a_category_that_is_deleted() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, category } = &shop;
    let product = shop.submit("Reading lamp", None).await;
    let as_of = app.see(seller, &product).await["created_at"].as_str().unwrap().to_owned();
    app.delete(&format!("/products/{product}/")).by(seller).send().await.expect(204);
    let path = format!("/categories/{category}/");
    let renamed = json!({"name": "Lighting", "description": "All that shines."});
    app.patch(&path).by(staff).json(renamed).send().await.expect(200);
    app.delete(&path).by(staff).send().await.expect(204);

    let history = shop.get("/products/history/", seller).await;

    let last = json!({"id": category, "name": "Lighting", "description": "All that shines."});
    assert_eq!(history["results"][0]["category"], last);
    let path = format!("/products/{product}/?version=1");
    assert_eq!(shop.get(&path, staff).await["category"]["name"], "Lamps");
    let path = format!("/products/{product}/?as_of={as_of}");
    assert_eq!(shop.get(&path, staff).await["category"]["name"], "Lamps");
}

#[tokio::test]
async fn a_version_shows_the_product_as_that_version_left_it() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, .. } = &shop;
    let product = shop.submit("Lamp", Some(("12.50", "EUR"))).await;
    let path = format!("/products/{product}/");
    for name in ["Reading lamp", "Desk lamp"] {
        app.patch(&path).by(seller).json(json!({ "name": name })).send().await.expect(200);
    }
    app.approve(staff, &product).await.expect(200);
    let (auditor, other) = (app.user(Role::Auditor).await, app.user(Role::EndUser).await);

    for (version, name, status) in [
        (1, "Lamp", "PENDING"),
        (2, "Reading lamp", "PENDING"),
        (3, "Desk lamp", "PENDING"),
        (4, "Desk lamp", "APPROVED"),
    ] {
        for who in [seller, staff, &auditor] {
            let seen = at_version(app, who, &product, &json!(version)).await;
            assert_eq!(seen["version"], version);
            assert_eq!((&seen["name"], &seen["status"]), (&json!(name), &json!(status)));
        }
    }

    let asked =
        async |who: &Person, query: &str| app.get(&format!("{path}?{query}")).by(who).send().await;
    refused(asked(seller, "version=5").await, 404, "not_found");
    refused(asked(&other, "version=1").await, 403, "permission_denied");
    for version in ["0", "-1", "one", "1.0", "99999999999999999999"] {
        let answer =
            refused(asked(seller, &format!("version={version}")).await, 400, "invalid_input");
        assert_eq!(answer.wrong(), ["version"], "{version}");
    }
    let both = asked(seller, "version=1&as_of=2026-01-01T00:00:00Z").await;
    assert_eq!(refused(both, 400, "invalid_input").wrong(), ["as_of", "version"]);
    app.delete(&path).by(seller).send().await.expect(204);
    refused(asked(staff, "version=5").await, 404, "not_found");
    assert_eq!(at_version(app, staff, &product, &json!(4)).await["name"], "Desk lamp");
}

#[tokio::test]
async fn no_past_state_links_to_a_video_that_is_gone() {
    let shop = Shop::open().await;
    let Shop { app, seller, staff, category } = &shop;
    let product = app.product_with(seller, category, video::mp4()).await;
    let before = app.processed(seller, &product).await;
    let path = format!("/products/{product}/");
    let kept = at_version(app, seller, &product, &before["version"]).await;
    assert_eq!(kept["video_gone"], false);
    app.get(kept["video_url"].as_str().unwrap()).send().await.expect(200);
    assert_eq!(before.get("video_gone"), None, "of the present nothing is said");

    let form = video_form(category, video::silent(1));
    app.put(&path).by(seller).multipart(form).send().await.expect(200);
    let replaced = app.processed(seller, &product).await;

    let gone = at_version(app, seller, &product, &before["version"]).await;
    assert_eq!(gone["video_gone"], true);
    assert_eq!(gone["video"]["sha256"], before["video"]["sha256"], "what it was is still known");
    for link in ["video_url", "poster_url"] {
        assert_eq!(gone[link], json!(null), "{link}");
    }
    let kept = at_version(app, seller, &product, &replaced["version"]).await;
    assert_eq!(kept["video_gone"], false);
    app.get(kept["video_url"].as_str().unwrap()).send().await.expect(200);
    let without = at_version(app, seller, &product, &json!(1)).await;
    assert_eq!((&without["video_gone"], &without["video_url"]), (&json!(false), &json!(null)));

    app.delete(&path).by(seller).send().await.expect(204);
    let gone = at_version(app, staff, &product, &replaced["version"]).await;
    assert_eq!((&gone["video_gone"], &gone["video_url"]), (&json!(true), &json!(null)));
    let history = shop.get("/products/history/", seller).await;
    let deleted = &history["results"][0];
    assert_eq!((&deleted["deleted"], &deleted["video_gone"]), (&json!(true), &json!(true)));
    for link in ["video_url", "poster_url", "thumbnails_url", "live_url"] {
        assert_eq!(deleted[link], json!(null), "{link}");
    }
}
