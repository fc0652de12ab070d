//! `Idempotency-Key` after a change of role: what another role was answered is not given again.

use domain::Role;
use serde_json::{Value, json};

use super::Shop;
use crate::refusal::refused;
use crate::support::program::Server;
use crate::support::{Answer, Person};

/// Sends a POST under a key to a replica.
async fn post(
    shop: &Shop,
    at: &Server,
    (path, key): (&str, &str),
    by: &Person,
    body: &Value,
) -> Answer {
    let call = shop.app.request_to(at, "POST", path).by(by).json(body.clone());
    call.header("idempotency-key", key).send().await
}

/// The same person, signed in with their new role.
async fn with_role(shop: &Shop, admin: &Person, person: &Person, role: &str) -> Person {
    let path = format!("/users/{}/", person.id);
    shop.app.patch(&path).by(admin).json(json!({ "role": role })).send().await.expect(200);
    shop.app.sign_in(&person.email, &person.password).await
}

async fn events(shop: &Shop) -> i64 {
    let all = "SELECT count(*) FROM events";
    sqlx::query_scalar(all).fetch_one(&shop.app.pool()).await.unwrap()
}

#[tokio::test]
async fn a_demoted_moderator_gets_no_answer_that_was_made_for_the_role_of_before() {
    let shop = Shop::open().await;
    let (one, other) = (shop.app.replica().await, shop.app.replica().await);
    let admin = shop.app.user(Role::Admin).await;
    let product = shop.product("A secret lamp").await;
    let (reject, body) = (format!("/products/{product}/reject/"), json!({ "reason": "Too dim." }));
    let shelf = json!({ "name": "Chairs" });
    let done = post(&shop, &one, (&reject, "r"), &shop.staff, &body).await.expect(200);
    let made = post(&shop, &one, ("/categories/", "c"), &shop.staff, &shelf).await.expect(201);
    let refusal = json!({ "name": "" });
    let bad = post(&shop, &one, ("/categories/", "b"), &shop.staff, &refusal).await;
    refused(bad, 400, "invalid_input");
    assert_eq!(done.json["name"], "A secret lamp");
    let before = shop.staff.clone();

    let demoted = with_role(&shop, &admin, &before, "END_USER").await;
    let events_before = events(&shop).await;

    for at in [&one, &other] {
        let hidden =
            refused(post(&shop, at, (&reject, "r"), &demoted, &body).await, 404, "not_found");
        assert!(!String::from_utf8_lossy(&hidden.bytes).contains("secret"), "{hidden:?}");
        let shown = post(&shop, at, ("/categories/", "c"), &demoted, &shelf).await.expect(201);
        assert_eq!(shown.header("idempotent-replayed"), "true");
        assert_eq!(
            (&shown.json["id"], shown.header("location")),
            (&made.json["id"], made.header("location"))
        );
        let none = post(&shop, at, ("/categories/", "b"), &demoted, &refusal).await;
        refused(none, 403, "role_changed");
        let other_body = post(&shop, at, ("/categories/", "c"), &demoted, &refusal).await;
        refused(other_body, 422, "idempotency_key_reused");
    }
    assert_eq!(events(&shop).await, events_before, "no act is done twice");
    shop.app.finish().await;
}

#[tokio::test]
async fn a_promoted_person_does_with_a_new_key_what_the_old_one_was_refused() {
    let shop = Shop::open().await;
    let (one, other) = (shop.app.replica().await, shop.app.replica().await);
    let admin = shop.app.user(Role::Admin).await;
    let shelf = json!({ "name": "Chairs" });
    let lamp = json!({ "name": "Lamp", "category_id": shop.category });
    let forbidden = post(&shop, &one, ("/categories/", "c"), &shop.seller, &shelf).await;
    refused(forbidden, 403, "permission_denied");
    let made = post(&shop, &one, ("/products/", "p"), &shop.seller, &lamp).await.expect(201);

    let promoted = with_role(&shop, &admin, &shop.seller, "STAFF").await;

    for at in [&one, &other] {
        let old = post(&shop, at, ("/categories/", "c"), &promoted, &shelf).await;
        refused(old, 403, "role_changed");
        let again = post(&shop, at, ("/products/", "p"), &promoted, &lamp).await.expect(201);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.json["id"], made.json["id"]);
    }
    post(&shop, &other, ("/categories/", "n"), &promoted, &shelf).await.expect(201);
    let mine = shop.get("/products/?uploaded_by=me", &promoted).await;
    assert_eq!(mine["results"].as_array().unwrap().len(), 1);
    shop.app.finish().await;
}
