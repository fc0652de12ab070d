//! Ids that stand elsewhere than in the path: they open nothing that the path would not.

use domain::Role;
use serde_json::json;

use crate::support::{Answer, Person, TestApp};

struct Neighbours {
    app: TestApp,
    caller: Person,
    other: Person,
    category: String,
    /// PENDING, and the other's.
    hidden: String,
    listed: String,
}

impl Neighbours {
    async fn meet() -> Self {
        let app = TestApp::start().await;
        let (caller, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
        let staff = app.user(Role::Staff).await;
        let category = app.category(&staff, "Lamps").await;
        let hidden = app.product(&other, &category, "Secret lamp").await;
        let listed = app.approved_product(&other, &staff, &category).await;
        Self { app, caller, other, category, hidden, listed }
    }

    async fn order(&self, product: &str) -> Answer {
        self.app.try_order(&self.caller, &[product]).await
    }
}

/// What it says, but for the id that was asked for.
fn without(answer: &Answer, id: &str) -> String {
    answer.json.to_string().replace(id, "…")
}

#[tokio::test]
async fn ordering_what_one_may_not_know_of_is_answered_as_if_there_were_none() {
    let neighbours = Neighbours::meet().await;
    let missing = uuid::Uuid::now_v7().to_string();

    let hidden = neighbours.order(&neighbours.hidden).await.expect(400);
    let none = neighbours.order(&missing).await.expect(400);

    assert_eq!(without(&hidden, &neighbours.hidden), without(&none, &missing));
    let own = neighbours.order(&neighbours.listed).await.expect(201);
    let path = format!("/orders/{}/", own.json["id"].as_str().unwrap());
    for product in [&neighbours.hidden, &missing] {
        let body = json!({"items": [{"product": product, "quantity": 1}]});
        let changed = neighbours.app.patch(&path).by(&neighbours.caller).json(body);
        assert!(!without(&changed.send().await.expect(400), product).contains("Secret"));
    }
}

#[tokio::test]
async fn filters_by_other_peoples_ids_show_nothing_of_theirs() {
    let neighbours = Neighbours::meet().await;
    let Neighbours { app, caller, other, category, hidden, listed } = &neighbours;
    app.order(other, &[listed]).await;

    let ids = async |path: String| {
        let list = app.get(&path).by(caller).send().await.expect(200);
        list.ids().iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()
    };

    assert!(ids(format!("/orders/?user={}", other.id)).await.is_empty());
    assert!(ids(format!("/orders/?product={listed}")).await.is_empty());
    assert_eq!(ids(format!("/products/?uploaded_by={}", other.id)).await, [listed.as_str()]);
    assert_eq!(ids(format!("/products/?category={category}")).await, [listed.as_str()]);
    assert!(ids(format!("/products/?uploaded_by={}&status=PENDING", other.id)).await.is_empty());
    assert!(ids("/products/?q=secret".to_owned()).await.is_empty());
    let count = app.get(&format!("/categories/{category}/")).by(caller).send().await.expect(200);
    let named = app.get(&format!("/products/{hidden}/")).by(caller).send().await.expect(404);
    assert!(!count.json.to_string().contains(hidden) && !named.json.to_string().contains("Secret"));
}

#[tokio::test]
async fn a_token_of_somebody_elses_in_the_body_ends_and_opens_nothing() {
    let Neighbours { app, caller, other, .. } = Neighbours::meet().await;
    let admin = app.user(Role::Admin).await;
    let body = json!({"refresh": other.refresh});

    app.post("/logout/").by(&caller).json(body).send().await.expect(401);

    app.get("/me/").by(&other).send().await.expect(200);
    let (path, shut) = (format!("/users/{}/", other.id), json!({"is_active": false}));
    app.patch(&path).by(&admin).json(shut).send().await.expect(200);
    let refresh = app.post("/token/refresh/").json(json!({"refresh": other.refresh})).send().await;
    assert!(matches!(refresh.status, 401 | 403), "{refresh:?}");
    app.login(&other.email, &other.password).await.expect(403);
    app.login(&other.email, "wrong").await.expect(401);
    app.get("/me/").by(&other).send().await.expect(401);
}
