//! What the program is for, from registration to a fulfilled order and back out of the log.

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, link_in, video, video_form};

#[tokio::test]
async fn a_person_registers_sells_is_moderated_and_everything_can_be_told_from_the_log() {
    let app = TestApp::start().await;
    live(&app).await;
    app.finish().await;
}

/// A whole life. It leaves the read models rebuilt, and compared with the log.
pub async fn live(app: &TestApp) {
    let staff = app.user(Role::Staff).await;
    let (buyer, stranger) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);

    let seller = registers(app).await;
    let category = app.category(&staff, "Bicycles").await;
    let product = submits_a_film(app, &seller, &category).await;
    is_hidden_from_strangers(app, &product, &stranger).await;
    is_approved(app, &product, &staff, &seller).await;
    is_seen_by_strangers(app, &product, &stranger).await;
    is_ordered(app, &product, &buyer, &staff).await;
    is_told(app, &product, &seller, &staff).await;
    is_replayed(app, &product, &staff).await;

    app.run(&["projections", "verify"]).await.expect(0);
    app.run(&["projections", "rebuild", "--json"]).await.expect(0);
    let rebuilt = app.see(&stranger, &product).await;
    assert_eq!(rebuilt["status"], "APPROVED");
}

async fn registers(app: &TestApp) -> Person {
    let (email, password) = ("ada@example.com", "a bicycle made for two");
    let body = json!({ "email": email, "password": password });
    app.post("/register/").json(body).send().await.expect(201);
    let early = app.login(email, password).await.expect(403);
    assert_eq!(early.code(), "account_not_activated");

    let link = link_in(&app.mail_to(email).await);
    app.get(&link).send().await.expect(200);
    app.get(&link).send().await.expect(200);
    let page = app.get(&link).header("Accept", "text/html").send().await.expect(303);
    let page = app.get(page.header("location")).send().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));

    app.sign_in(email, password).await
}

async fn submits_a_film(app: &TestApp, seller: &Person, category: &str) -> String {
    let form = video_form(category, video::mp4());
    let submitted = app.post("/products/").by(seller).multipart(form).send().await.expect(201);
    assert_eq!(submitted.json["status"], "PENDING");
    let product = submitted.json["id"].as_str().unwrap().to_owned();
    assert_eq!(submitted.header("location"), format!("/products/{product}/"));

    let ready = app.processed(seller, &product).await;

    assert_eq!(ready["processing_status"], "READY", "{ready}");
    assert_eq!(ready["processing_progress"], 100);
    assert_eq!(ready["video"]["content_type"], "video/mp4");
    assert_eq!((&ready["video"]["width"], &ready["video"]["height"]), (&json!(320), &json!(240)));
    product
}

async fn is_hidden_from_strangers(app: &TestApp, product: &str, stranger: &Person) {
    for path in ["", "video/", "poster/", "moderation/"] {
        let path = format!("/products/{product}/{path}");
        app.get(&path).by(stranger).send().await.expect(404);
    }
    let listed = app.get("/products/").by(stranger).send().await.expect(200);
    assert!(listed.ids().is_empty(), "{listed:?}");
}

async fn is_approved(app: &TestApp, product: &str, staff: &Person, seller: &Person) {
    let judged = app.see(staff, product).await["version"].clone();
    let body = json!({ "reason": "A fine bicycle." });
    let path = format!("/products/{product}/approve/");
    let approved = app.post(&path).by(staff).json(body).send().await.expect(200);
    assert_eq!(approved.json["status"], "APPROVED");
    assert_eq!(approved.json["version"].as_i64(), judged.as_i64().map(|version| version + 1));

    let mails = app.mails_to(&seller.email, 2).await;
    assert!(mails[1].contains("approved") && mails[1].contains("A fine bicycle."), "{mails:?}");
}

async fn is_seen_by_strangers(app: &TestApp, product: &str, stranger: &Person) {
    let listed = app.get("/products/").by(stranger).send().await.expect(200);
    assert_eq!(listed.ids(), [product]);
    let seen = app.see(stranger, product).await;

    let whole = app.get(text(&seen["video_url"])).by(stranger).send().await.expect(200);
    assert_eq!(whole.bytes.len().to_string(), seen["video"]["size"].to_string());
    assert_eq!(sha256(&whole.bytes), seen["video"]["sha256"]);

    let call = app.get(text(&seen["video_url"])).by(stranger).header("Range", "bytes=4-7");
    let part = call.send().await.expect(206);
    assert_eq!(part.bytes, b"ftyp");
    assert_eq!(part.header("content-range"), format!("bytes 4-7/{}", whole.bytes.len()));

    let poster = app.get(text(&seen["poster_url"])).by(stranger).send().await.expect(200);
    assert_eq!(poster.header("content-type"), "image/jpeg");
    assert!(poster.bytes.starts_with(&[0xff, 0xd8, 0xff]));
}

async fn is_ordered(app: &TestApp, product: &str, buyer: &Person, staff: &Person) {
    let order = app.order(buyer, &[product]).await;
    let path = format!("/orders/{order}/");

    let body = json!({ "status": "SUCCESS" });
    let fulfilled = app.patch(&path).by(staff).json(body).send().await.expect(200).json;
    assert_eq!(fulfilled["status"], "SUCCESS");
    assert_eq!(fulfilled["total"], json!({ "amount": "120.00", "currency": "EUR" }));
    assert_eq!(fulfilled["items"][0]["name"], "Bicycle");

    let history = app.get(&format!("{path}history/")).by(buyer).send().await.expect(200).json;
    assert_eq!(kinds(&history["results"]), ["OrderPlaced", "OrderFulfilled"]);
    assert_eq!(history["results"][1]["actor"]["role"], "STAFF");
}

async fn is_told(app: &TestApp, product: &str, seller: &Person, staff: &Person) {
    let history = app.get("/products/history/").by(seller).send().await.expect(200);
    assert_eq!(history.ids(), [product]);
    let life = ["ProductSubmitted", "VideoUploaded", "VideoFinalized", "ProductApproved"];
    assert_eq!(kinds(&history.json["results"][0]["timeline"]), life);

    let path = format!("/products/{product}/moderation/");
    let told = app.get(&path).by(staff).send().await.expect(200).json;
    let timeline = &told["results"];
    assert_eq!(kinds(timeline), life);
    let decision = &timeline[3];
    assert_eq!(decision["actor"]["id"], staff.id.as_str());
    assert_eq!((&decision["judged"], &decision["sequence"]), (&json!(3), &json!(4)));
    assert_eq!(decision["reason"], "A fine bicycle.");
    let change = json!([{ "field": "status", "from": "PENDING", "to": "APPROVED" }]);
    assert_eq!(decision["changes"], change);

    let then = text(&timeline[2]["at"]);
    let path = format!("/products/{product}/?as_of={then}");
    let before = app.get(&path).by(seller).send().await.expect(200).json;
    assert_eq!((&before["status"], &before["version"]), (&json!("PENDING"), &json!(3)));
    let path = format!("/products/{product}/?as_of=2020-01-01T00:00:00Z");
    app.get(&path).by(seller).send().await.expect(404);
}

async fn is_replayed(app: &TestApp, product: &str, staff: &Person) {
    let replay = ["audit", "replay", "--product", product];
    let told = app.run(&replay).await.expect(0).stdout;
    for words in ["ProductApproved", "status: PENDING → APPROVED", "judged: version 3", &staff.id]
    {
        assert!(told.contains(words), "{words} is missing in:\n{told}");
    }

    let steps = app.run(&[&replay[..], &["--json"]].concat()).await.expect(0).json_lines();
    assert_eq!(steps.len(), 4);
    assert_eq!(steps[3]["reason"], "A fine bicycle.");

    let to = text(&steps[1]["at"]);
    let until = app.run(&[&replay[..], &["--json", "--to", to]].concat()).await.expect(0);
    assert_eq!(until.json_lines(), steps[..2]);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not text: {value}"))
}

/// The types of the events in a timeline.
fn kinds(timeline: &Value) -> Vec<&str> {
    timeline.as_array().unwrap().iter().map(|entry| text(&entry["type"])).collect()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}
