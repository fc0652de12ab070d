//! Commits wait for a standby that does not confirm them.

use domain::Role;
use serde_json::json;
use tokio::task::JoinSet;

use super::outages::{is_ready_again, passing, readiness_names};
use super::{positions_are_contiguous, products_are_there_once};
use crate::support::child::Scratch;
use crate::support::postgres::Pair;
use crate::support::{Call, TestApp, TestDatabase, eventually};

/// More than there are connections to the database.
const CREATES: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_commits_wait_for_a_standby() {
    let scratch = Scratch::new();
    let mut pair = Pair::start(&scratch).await;
    let database = TestDatabase::at(&pair.url()).await;
    let app = TestApp::start_on(database, &[], &[("RATE_LIMITS", "off")]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let (first, url) = (app.product(&seller, &category, "first").await, app.url("/products/"));
    let create = |name: &str| {
        let call = Call::new(&app.client, "POST", &url).by(&seller).header("Idempotency-Key", name);
        call.json(json!({ "name": name, "category_id": category })).send()
    };

    pair.freeze_standby();

    let mut creates = JoinSet::new();
    for number in 0..CREATES {
        creates.spawn(create(&format!("no. {number}")));
    }
    // Signing in commits without an event.
    let mut sign_ins = JoinSet::new();
    for _ in 0..CREATES {
        let body = json!({ "email": seller.email, "password": seller.password });
        let call = Call::new(&app.client, "POST", &app.url("/login/"));
        sign_ins.spawn(call.json(body).send());
    }
    readiness_names(&app, "database").await;
    for _ in 0..20 {
        app.get(&format!("/products/{first}/")).by(&seller).send().await.expect(200);
        app.get("/products/").by(&seller).send().await.expect(200);
    }

    pair.heal().await;
    is_ready_again(&app).await;
    for answer in [creates.join_all().await, sign_ins.join_all().await].concat() {
        if !matches!(answer.status, 200 | 201) {
            passing(answer);
        }
    }
    let names: Vec<_> = (0..CREATES).map(|number| format!("no. {number}")).collect();
    for name in &names {
        let kept = eventually("its claim is over", async || {
            let answer = create(name).await;
            (answer.code() != "idempotency_in_progress").then_some(answer)
        });
        kept.await.expect(201);
    }
    products_are_there_once(&app, names.into_iter().chain(["first".to_owned()])).await;
    positions_are_contiguous(&app).await;
    app.finish().await;
}
