//! Versions: `ETag`, `If-Match`, `If-None-Match`.

use domain::Role;
use futures::future::join_all;
use serde_json::{Value, json};

use super::Shop;
use crate::refusal::refused;
use crate::support::Person;

/// The version that an entity tag has, before the digest of what else the representation says.
fn version_of(tag: &str) -> Option<i64> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    tag.split_once('-').map_or(tag, |(version, _)| version).parse().ok()
}

/// One of each resource with somebody who may change it, and a change.
async fn resources(shop: &Shop, admin: &Person) -> Vec<(String, Person, Value)> {
    let (product, listed) = (shop.product("Lamp").await, shop.approved().await);
    let order = shop.app.order(&shop.seller, &[&listed]).await;
    let people = &[&shop.seller, &shop.staff, admin].map(Person::clone);
    let [seller, staff, admin] = people.clone();
    let user = shop.app.user(Role::EndUser).await;
    let policy = shop.app.policy(&admin, "Returns").await;
    vec![
        (format!("/policies/{policy}/"), admin.clone(), json!({"text": "Within 30 days."})),
        (format!("/categories/{}/", shop.category), staff, json!({"description": "Lights"})),
        (format!("/products/{product}/"), seller.clone(), json!({"name": "A better lamp"})),
        (format!("/orders/{order}/"), seller.clone(), json!({"status": "CANCELLED"})),
        (format!("/users/{}/", user.id), admin, json!({"role": "STAFF"})),
        ("/me/".to_owned(), seller, json!({"email": "elsewhere@example.com"})),
    ]
}

#[tokio::test]
async fn every_resource_has_its_version_as_its_tag_and_304_spares_it() {
    let shop = Shop::open().await;
    let admin = shop.app.user(Role::Admin).await;

    for (path, by, _) in resources(&shop, &admin).await {
        let answer = shop.app.get(&path).by(&by).send().await.expect(200);

        let tag = answer.etag().to_owned();
        assert_eq!(version_of(&tag), answer.json["version"].as_i64(), "{path}: {tag}");
        for had in [tag.clone(), format!("W/{tag}"), "*".to_owned(), format!("\"0\", {tag}")] {
            let call = shop.app.get(&path).by(&by).header("if-none-match", &had);
            let unchanged = call.send().await.expect(304);
            assert_eq!((unchanged.bytes.len(), unchanged.etag()), (0, tag.as_str()), "{path}");
        }
        for had in ["\"0\"", "\"abc\"", "W/\"0\""] {
            shop.app.get(&path).by(&by).header("if-none-match", had).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_change_of_another_version_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let admin = shop.app.user(Role::Admin).await;

    for (path, by, change) in resources(&shop, &admin).await {
        let before = shop.app.get(&path).by(&by).send().await.expect(200);
        let tag = before.etag();
        let patch = |tags: &str| {
            shop.app.patch(&path).by(&by).json(change.clone()).header("if-match", tags).send()
        };

        for other in ["\"999\"", "\"0\", \"998\"", &format!("W/{tag}"), "\"abc\""] {
            refused(patch(other).await, 412, "version_mismatch");
        }
        for nonsense in ["", "abc", "3", "\"3", "\"3\",", "*,\"3\""] {
            refused(patch(nonsense).await, 400, "invalid_header");
        }

        let after = shop.app.get(&path).by(&by).send().await.expect(200);
        assert_eq!(after.json, before.json, "{path}");
        let changed = patch(&format!("\"999\", {tag}")).await.expect(200);
        assert!(changed.json["version"].as_i64() > before.json["version"].as_i64(), "{path}");
        assert_eq!(version_of(changed.etag()), changed.json["version"].as_i64());
        patch("*").await.expect(200);
        refused(patch(tag).await, 412, "version_mismatch");
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn a_category_counts_what_the_caller_may_see_and_304_is_of_that_count() {
    let shop = Shop::open().await;
    let auditor = shop.app.user(Role::Auditor).await;
    let path = format!("/categories/{}/", shop.category);
    let see = async |by: &Person, had: &str| {
        shop.app.get(&path).by(by).header("if-none-match", had).send().await
    };
    let count = async |by: &Person| {
        let one = see(by, "\"none\"").await.expect(200);
        let list = shop.get("/categories/", by).await;
        assert_eq!(list["results"][0], one.json, "the list says the same");
        (one.json["product_count"].as_i64().unwrap(), one.etag().to_owned())
    };
    let counts = async || {
        let (own, all) = (count(&shop.seller).await, count(&shop.staff).await);
        assert_eq!(count(&auditor).await, all);
        (own.0, all.0)
    };
    let product = shop.product("Lamp").await;

    assert_eq!(counts().await, (0, 1));
    let (hidden, all) = (count(&shop.seller).await.1, count(&shop.staff).await.1);
    assert_ne!(hidden, all, "other bytes, another tag");
    for (by, had) in [(&shop.seller, &hidden), (&shop.staff, &all)] {
        assert_eq!(see(by, had).await.status, 304);
    }
    assert_eq!(see(&shop.seller, &all).await.status, 200);

    shop.app.approve(&shop.staff, &product).await.expect(200);
    assert_eq!(counts().await, (1, 1));
    assert_eq!(see(&shop.seller, &hidden).await.expect(200).json["product_count"], 1);
    assert_eq!(see(&shop.staff, &all).await.status, 304);

    let other = shop.app.category(&shop.staff, "Chairs").await;
    let moved = json!({"category_id": other});
    let one = format!("/products/{product}/");
    shop.app.patch(&one).by(&shop.seller).json(moved).send().await.expect(200);
    assert_eq!(shop.get(&path, &shop.staff).await["product_count"], 0);
    assert_eq!(shop.get(&path, &shop.seller).await["product_count"], 0);
    shop.app.run(&["projections", "rebuild", "categories"]).await.expect(0);
    shop.app.finish().await;
}

#[tokio::test]
async fn every_action_and_deletion_honours_the_version() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}/");
    let (seller, staff) = (&shop.seller, &shop.staff);
    let steps = [
        ("POST", "approve/", staff, json!({})),
        ("POST", "reject/", staff, json!({"reason": "It is dim."})),
        ("POST", "resubmit/", seller, json!({})),
        ("POST", "cancel/", seller, json!({})),
        ("PUT", "", seller, json!({"name": "Lantern", "category_id": shop.category})),
        ("PATCH", "", seller, json!({"name": "Lamp again"})),
        ("DELETE", "", seller, json!({})),
    ];

    for (method, action, by, body) in steps {
        let version = shop.get(&path, staff).await["version"].as_i64().unwrap();
        let call = |version: i64| {
            let call = shop.app.request(method, &format!("{path}{action}")).by(by);
            call.json(body.clone()).header("if-match", &format!("\"{version}\"")).send()
        };

        refused(call(version - 1).await, 412, "version_mismatch");
        assert_eq!(shop.get(&path, staff).await["version"], version);
        let done = call(version).await;

        assert!(done.status == 200 || done.status == 204, "{method} {action}: {done:?}");
    }
    let listed = shop.approved().await;
    let order = format!("/orders/{}/", shop.app.order(seller, &[&listed]).await);
    let delete = |tag: &str| shop.app.delete(&order).by(seller).header("if-match", tag).send();
    refused(delete("\"2\"").await, 412, "version_mismatch");
    delete("\"1\"").await.expect(204);
    let category = format!("/categories/{}/", shop.app.category(staff, "Chairs").await);
    let delete = |tag: &str| shop.app.delete(&category).by(staff).header("if-match", tag).send();
    refused(delete("\"2\"").await, 412, "version_mismatch");
    delete("\"1\"").await.expect(204);
}

#[tokio::test]
async fn a_version_tells_nothing_of_what_one_may_not_know_of() {
    let shop = Shop::open().await;
    let (product, stranger) = (shop.product("Lamp").await, shop.app.user(Role::EndUser).await);
    let path = format!("/products/{product}/");

    for tag in ["\"1\"", "\"2\"", "*"] {
        for (method, action) in [("PATCH", ""), ("DELETE", ""), ("POST", "cancel/")] {
            let call = shop.app.request(method, &format!("{path}{action}")).by(&stranger);
            let answer = call.json(json!({})).header("if-match", tag).send().await;
            refused(answer, 404, "not_found");
        }
    }
}

#[tokio::test]
async fn of_changes_at_once_all_count_and_those_of_one_version_count_once() {
    let shop = Shop::open().await;
    let category = &format!("/categories/{}/", shop.category);
    let patch = |body: Value| shop.app.patch(category).by(&shop.staff).json(body);

    let names = (0..8).map(|number| patch(json!({"name": format!("Lamps {number}")})).send());
    let texts = (0..8).map(|number| patch(json!({"description": format!("Text {number}")})).send());
    let answers = join_all(names.chain(texts)).await;

    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let now = shop.get(category, &shop.staff).await;
    assert_eq!(now["version"], 17);
    assert!(now["name"] != "Lamps" && now["description"] != "");
    let guarded = (0..8).map(|number| {
        let body = json!({"name": format!("Lights {number}")});
        patch(body).header("if-match", "\"17\"").send()
    });
    let answers = join_all(guarded).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let late = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((done, late), (1, 7), "{answers:?}");
    shop.app.finish().await;
}
