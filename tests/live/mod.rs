//! `/live/` and `/products/{id}/live/`, on one replica and on several.

mod ending;
mod figures;
mod lagging;
mod links;
mod progress;
mod resuming;
mod sight;
mod watching;

use domain::Role;
use serde_json::json;

use crate::openapi::{self, schema};
use crate::support::program::Server;
use crate::support::{Person, Shop, TestApp};
use watching::{Stream, Told};

impl Shop {
    /// A change that anybody can tell from the others.
    async fn rename(&self, product: &str, name: &str) {
        let call = self.app.patch(&format!("/products/{product}/")).by(&self.seller);
        call.json(json!({ "name": name })).send().await.expect(200);
    }

    /// What happens to one product, as somebody sees it.
    async fn watch(&self, person: &Person, product: &str) -> Stream {
        Stream::of(self.app.get(&format!("/products/{product}/live/")).by(person)).await
    }

    /// What happens to all that concerns somebody.
    async fn watch_all(&self, person: &Person) -> Stream {
        Stream::of(self.app.get("/live/").by(person)).await
    }

    /// The document describes the data of these events.
    async fn documents(&self, events: &[&Told]) {
        let document = openapi::document(&self.app).await;
        let event = json!({ "$ref": "#/components/schemas/LiveEvent" });
        for told in events {
            let faults = schema::faults(&document, &event, &told.data);
            assert!(faults.is_empty() && told.data["type"] == told.name, "{told:?}: {faults:?}");
        }
    }

    /// Somebody's access ends at a replica, which then changes a product: that is not for them, however
    /// soon it comes.
    async fn end_access(&self, how: Ending, person: &Person, replica: &Server, product: &str) {
        let elsewhere = |method, path: &str| self.app.request_to(replica, method, path);
        let admin = self.app.user(Role::Admin).await;
        let body = match how {
            Ending::SignOut => None,
            Ending::Role => Some(json!({ "role": "END_USER" })),
            Ending::Deactivation => Some(json!({ "is_active": false })),
        };
        if let Some(body) = body {
            let call = elsewhere("PATCH", &format!("/users/{}/", person.id)).by(&admin);
            call.json(body).send().await.expect(200);
        } else {
            let call = elsewhere("POST", "/logout/").by(person);
            call.json(json!({ "refresh": person.refresh })).send().await.expect(205);
        }
        let call = elsewhere("PATCH", &format!("/products/{product}/")).by(&self.seller);
        let body = json!({ "description": format!("after: {how:?}") });
        call.json(body).send().await.expect(200);
    }
}

/// How somebody's access ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    SignOut,
    Role,
    Deactivation,
}

const ENDINGS: [Ending; 3] = [Ending::SignOut, Ending::Role, Ending::Deactivation];

#[tokio::test]
async fn a_stream_begins_with_what_is_so_and_goes_on_with_what_happens() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;

    let mut stream = shop.watch(&shop.seller, &product).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert_eq!(stream.header("cache-control"), "no-store");
    let snapshot = stream.next("snapshot").await;
    shop.rename(&product, "Lantern").await;
    let renamed = stream.next("product").await;
    shop.app.approve(&shop.staff, &product).await.expect(200);
    let approved = stream.next("product").await;
    let call = shop.app.delete(&format!("/products/{product}/")).by(&shop.seller);
    call.send().await.expect(204);
    let gone = stream.next("gone").await;

    assert_eq!(snapshot.data["results"][0]["name"], "Lamp");
    assert_eq!(renamed.data["product"]["name"], "Lantern");
    assert_eq!(renamed.data["happened"]["type"], "ProductEdited");
    assert_eq!(approved.data["product"]["status"], "APPROVED");
    assert_eq!(approved.data["happened"]["actor"]["id"], shop.staff.id);
    assert_eq!(gone.data["product"], product.as_str());
    let ids = [&snapshot, &renamed, &approved, &gone].map(|event| event.id.unwrap());
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let timeline = shop.app.get(&format!("/products/{product}/moderation/")).by(&shop.seller);
    let timeline = timeline.send().await.expect(200).json;
    let told = [&renamed, &approved, &gone].map(|event| event.data["happened"].clone());
    assert_eq!(timeline["results"].as_array().unwrap()[1..], told);
    stream.ends().await;
    shop.documents(&[&snapshot, &renamed, &approved, &gone]).await;
    shop.app.finish().await;
}

#[tokio::test]
async fn a_moderator_sees_products_arrive_and_be_decided() {
    let shop = Shop::open().await;
    let waiting = shop.product("Lamp").await;
    let mut stream = shop.watch_all(&shop.staff).await;
    let queue = stream.next("snapshot").await;

    let arrived = shop.product("Lamp").await;
    shop.app.reject(&shop.staff, &waiting, "It is broken.").await.expect(200);

    assert_eq!(queue.data["results"][0]["id"], waiting.as_str());
    let (first, second) = (stream.next("product").await, stream.next("product").await);
    assert_eq!(first.data["product"]["id"], arrived.as_str());
    assert_eq!(first.data["happened"]["type"], "ProductSubmitted");
    assert_eq!(second.data["happened"]["reason"], "It is broken.");
}

#[tokio::test]
async fn a_caller_with_enough_streams_gets_no_more_until_one_ends() {
    let shop = Shop::open().await;
    let mut streams = vec![];
    for _ in 0..20 {
        streams.push(shop.watch_all(&shop.seller).await);
    }

    let refused = shop.app.get("/live/").by(&shop.seller).send().await.expect(429);

    assert_eq!(refused.code(), "too_many_streams");
    assert!(!refused.header("retry-after").is_empty());
    shop.app.get("/live/").by(&shop.staff).send().await.expect(200);
    streams.pop();
    crate::support::eventually("there is room again", async || {
        let answer = shop.app.get("/live/").by(&shop.seller).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_client_gave_its_key_for_comes_encrypted() {
    let app = TestApp::start_with(&[("REQUIRE_PAYLOAD_ENCRYPTION", "true")]).await;
    let client = crate::payload::Client::of(&app).await;
    let (email, password) = ("staff@example.com", "a lamp in each room");
    let create = ["users", "create", "--email", email, "--role", "STAFF", "--password-stdin"];
    app.program.run_with(password, &create).await.expect(0);
    let body = client.seal("POST", "/login/", &json!({ "email": email, "password": password }));
    let access = app.post("/login/").json(body).send().await.expect(200).json["access"].clone();
    let access = access.as_str().unwrap();

    let call = app.get("/live/").bearer(access).header("Encryption-Key", &client.key());
    let sealed = Stream::of(call).await.next("snapshot").await;
    let plain = Stream::of(app.get("/live/").bearer(access)).await.next("snapshot").await;

    assert_eq!(sealed.data.as_object().unwrap().keys().collect::<Vec<_>>(), ["data"]);
    let opened = client.open_text(sealed.data["data"].as_str().unwrap());
    assert_eq!(opened, plain.data);
    let unreadable = app.get("/live/").bearer(access).header("Encryption-Key", "e30");
    assert_eq!(unreadable.send().await.expect(400).code(), "invalid_encryption_key");
}
