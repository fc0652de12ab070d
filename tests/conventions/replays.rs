//! `Idempotency-Key`: the first answer is given again.

use domain::Role;
use serde_json::json;

use super::{Shop, each};
use crate::refusal::refused;
use crate::support::{Answer, Call, rule, video_form};

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

/// Asserts that the second is the first once more.
#[track_caller]
fn assert_replayed(first: &Answer, second: &Answer) {
    assert!(!is_replayed(first), "{first:?}");
    assert!(is_replayed(second), "{second:?}");
    assert_eq!(second.status, first.status);
    assert_eq!(second.bytes, first.bytes);
    for name in ["content-type", "etag", "location"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
}

#[tokio::test]
async fn every_post_is_done_once_under_one_key() {
    let shop = Shop::open().await;
    let (listed, product) = (shop.approved().await, shop.product("Lamp").await);
    let admin = shop.app.user(Role::Admin).await;
    let (seller, staff) = (&shop.seller, &shop.staff);
    let on = |action: &str| format!("/products/{product}/{action}/");
    let posts = [
        ("/categories/".to_owned(), staff, json!({"name": "Chairs"})),
        ("/policies/".to_owned(), &admin, rule()),
        ("/products/".to_owned(), seller, json!({"name": "Chair", "category_id": shop.category})),
        ("/orders/".to_owned(), seller, json!({"products": [listed]})),
        (on("approve"), staff, json!({})),
        (on("reject"), staff, json!({"reason": "It is dim."})),
        (on("resubmit"), seller, json!({})),
        (on("cancel"), seller, json!({})),
    ];

    for (path, by, body) in posts {
        let post = || shop.app.post(&path).by(by).json(body.clone());
        let key = format!("key of {path}");
        let first = post().header("idempotency-key", &key).send().await;
        let second = post().header("idempotency-key", &key).send().await;

        assert!(first.status < 300, "{path}: {first:?}");
        assert_replayed(&first, &second);
    }
    let mine = shop.get("/products/?uploaded_by=me&q=chair", seller).await;
    assert_eq!(each(&mine, "name"), ["Chair"]);
    assert_eq!(each(&shop.get("/orders/", seller).await, "id").len(), 1);
    let timeline = shop.get(&on("moderation"), seller).await;
    assert_eq!(each(&timeline, "type").len(), 5, "{timeline}");
    shop.app.finish().await;
}

#[tokio::test]
async fn refusals_are_replayed_as_well() {
    let shop = Shop::open().await;
    let post = |body| {
        let post = shop.app.post("/categories/").by(&shop.staff).json(body);
        post.header("idempotency-key", "bad")
    };

    let first = post(json!({"name": ""})).send().await;
    let second = post(json!({"name": ""})).send().await;

    assert_replayed(&refused(first, 400, "invalid_input"), &second);
    let other = post(json!({"name": "Chairs"})).send().await;
    refused(other, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_that_came_with_another_request_is_refused() {
    let shop = Shop::open().await;
    let post = |path: &str, body| {
        let post = shop.app.post(path).by(&shop.staff).json(body);
        post.header("idempotency-key", "k").send()
    };
    post("/categories/", json!({"name": "Chairs"})).await.expect(201);

    let other_body = post("/categories/", json!({"name": "Tables"})).await;
    let body = json!({"name": "Chairs"});
    let other_path = post("/products/", body).await;

    refused(other_body, 422, "idempotency_key_reused");
    refused(other_path, 422, "idempotency_key_reused");
    let list = shop.get("/categories/", &shop.staff).await;
    assert_eq!(each(&list, "name"), ["Chairs", "Lamps"]);
}

#[tokio::test]
async fn a_key_belongs_to_the_caller_who_sent_it() {
    let shop = Shop::open().await;
    let other = shop.app.user(Role::EndUser).await;
    let post = |by| {
        let body = json!({"name": "Chair", "category_id": shop.category});
        shop.app.post("/products/").by(by).json(body).header("idempotency-key", "1").send()
    };

    let (mine, theirs) = (post(&shop.seller).await.expect(201), post(&other).await.expect(201));

    assert!(!is_replayed(&theirs));
    assert_ne!(mine.json["id"], theirs.json["id"]);
    assert_eq!(theirs.json["uploaded_by"], other.id.as_str());
    // An anonymous caller gets nothing of it.
    let body = json!({"name": "Chair", "category_id": shop.category});
    let anonymous = shop.app.post("/products/").json(body).header("idempotency-key", "1");
    refused(anonymous.send().await, 401, "not_authenticated");
}

#[tokio::test]
async fn an_upload_is_stored_once_under_one_key() {
    let shop = Shop::open().await;
    let send = |film: &[u8]| {
        let form = video_form(&shop.category, film.to_vec());
        let post = shop.app.post("/products/").by(&shop.seller).multipart(form);
        post.header("idempotency-key", "film").send()
    };
    let film = b"A film, more or less.".to_vec();

    let first = send(&film).await.expect(201);
    // Another boundary, the same parts.
    let second = send(&film).await;
    let other = send(b"Another film, more or less.").await;

    assert_replayed(&first, &second);
    refused(other, 422, "idempotency_key_reused");
    assert_eq!(each(&shop.get("/products/", &shop.seller).await, "name"), ["Bicycle"]);
}

#[tokio::test]
async fn answers_with_tokens_are_never_kept() {
    let shop = Shop::open().await;
    let person = shop.app.user(Role::EndUser).await;
    let login = json!({"email": person.email, "password": person.password});
    let keyed = |call: Call| call.header("idempotency-key", "tokens").send();

    let first = keyed(shop.app.post("/login/").json(login.clone())).await.expect(200);
    let second = keyed(shop.app.post("/login/").json(login)).await.expect(200);

    assert!(!is_replayed(&second));
    assert_ne!(first.json["refresh"], second.json["refresh"]);
    let stored = "SELECT count(*) FROM idempotency_keys WHERE key = 'tokens'";
    let stored: i64 = sqlx::query_scalar(stored).fetch_one(&shop.app.pool()).await.unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let shop = Shop::open().await;

    for key in ["", &"k".repeat(256), "ü", "tab\tbed"] {
        let post = shop.app.post("/categories/").by(&shop.staff).json(json!({"name": "Chairs"}));
        let answer = post.header("idempotency-key", key).send().await;
        refused(answer, 400, "invalid_idempotency_key");
    }
}
