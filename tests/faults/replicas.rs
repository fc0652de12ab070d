//! Several processes on one database.

use domain::Role;
use serde_json::json;

use super::positions_are_contiguous;
use crate::support::{TestApp, eventually, link_in};

#[tokio::test]
async fn of_two_decisions_on_one_version_at_two_replicas_one_wins() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let other = app.user(Role::Admin).await;
    let category = app.category(&staff, "Lamps").await;

    for round in 0..20 {
        let product = app.product(&seller, &category, &format!("Lamp no. {round}")).await;
        let version = app.get(&format!("/products/{product}/")).by(&staff).send().await;
        let version = version.expect(200).etag().to_owned();
        let decide = |decision: &str| {
            (format!("/products/{product}/{decision}/"), json!({ "reason": "Seen." }))
        };
        let (approve, body) = decide("approve");
        let approve = app.post(&approve).by(&staff).header("If-Match", &version).json(body);
        let (reject, body) = decide("reject");
        let reject = app.request_to(&replica, "POST", &reject).by(&other);
        let reject = reject.header("If-Match", &version).json(body);

        let (approved, rejected) = tokio::join!(approve.send(), reject.send());

        let (won, lost) =
            if approved.status == 200 { (approved, rejected) } else { (rejected, approved) };
        let won = won.expect(200);
        assert_eq!(lost.expect(412).code(), "version_mismatch");
        let seen = app.see(&seller, &product).await;
        assert_eq!((&seen["status"], &seen["version"]), (&won.json["status"], &json!(2)));
    }
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn one_address_is_registered_once_however_many_try_at_two_replicas() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let admin = app.user(Role::Admin).await;
    let register = |number: usize| {
        let email = if number.is_multiple_of(3) { "Ada@Example.com" } else { "ada@example.com" };
        let body = json!({ "email": email, "password": "a lamp in every window" });
        let call = match number % 2 {
            0 => app.post("/register/"),
            _ => app.request_to(&replica, "POST", "/register/"),
        };
        call.json(body).send()
    };

    let answers = futures::future::join_all((0..40).map(register)).await;

    for answer in answers {
        answer.expect(201);
    }
    let users = app.get("/users/").by(&admin).send().await.expect(200);
    assert_eq!(users.ids().len(), 2);
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn what_one_replica_has_ended_the_other_refuses() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let person = app.user(Role::EndUser).await;
    let ask = || app.request_to(&replica, "GET", "/me/").by(&person).send();
    ask().await.expect(200);

    let refresh = json!({ "refresh": person.refresh });
    app.post("/logout/").by(&person).json(refresh).send().await.expect(205);

    eventually("the other replica knows", async || (ask().await.status == 401).then_some(())).await;
    app.get("/me/").by(&person).send().await.expect(401);
}

#[tokio::test]
async fn workers_apart_from_the_api_share_the_work_and_do_each_piece_once() {
    let app = TestApp::start_as(&["api"], &[]).await;
    let addresses: Vec<_> = (0..12).map(|number| format!("ada{number}@example.com")).collect();
    for address in &addresses {
        let body = json!({ "email": address, "password": "a lamp in every window" });
        app.post("/register/").json(body).send().await.expect(201);
    }
    assert!(addresses.iter().all(|address| app.mails(address).is_empty()));

    let _workers = (app.program.serve(&["worker"]).await, app.program.serve(&["worker"]).await);

    for address in &addresses {
        app.get(&link_in(&app.mail_to(address).await)).send().await.expect(200);
    }
    assert!(addresses.iter().all(|address| app.mails(address).len() == 1));
    app.finish().await;
}
