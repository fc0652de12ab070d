//! How policies are written.

use domain::Role;
use serde_json::{Value, json};

use crate::refusal::refused;
use crate::support::{Person, TestApp, each, rule, ruling};

#[tokio::test]
async fn an_admin_writes_policies_and_everybody_reads_them() {
    let app = TestApp::start().await;
    let (admin, reader) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    let first = app.policy(&admin, "Returns").await;
    let second = app.policy(&admin, "Shipping").await;
    let path = format!("/policies/{first}/");

    let list = app.get("/policies/").by(&reader).send().await.expect(200).json;
    assert_eq!(each(&list, "id"), [&second, &first]);

    let edit =
        json!({ "text": "Within 30 days.", "severity": "HIGH", "dsa_category": "SCAMS_AND_FRAUD" });
    let edited = app.patch(&path).by(&admin).json(edit).send().await.expect(200).json;
    assert_eq!((&edited["text"], &edited["severity"]), (&json!("Within 30 days."), &json!("HIGH")));
    assert_eq!(edited["version"], 3, "the wording, and what is besides");
    let found = app.get(&path).by(&reader).send().await.expect(200).json;
    assert_eq!(found, edited);

    let staff = app.user(Role::Staff).await;
    for nobody in [&reader, &staff] {
        refused(app.delete(&path).by(nobody).send().await, 403, "permission_denied");
    }
    app.delete(&path).by(&admin).send().await.expect(204);
    refused(app.get(&path).by(&reader).send().await, 404, "not_found");
    app.run(&["projections", "verify"]).await.expect(0);
    app.finish().await;
}

#[tokio::test]
async fn a_code_is_held_once_and_never_changes() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let body = rule();
    let post = || app.post("/policies/").by(&admin).json(body.clone()).send();

    let made = post().await.expect(201).json;
    refused(post().await, 409, "policy_code_taken");
    let path = format!("/policies/{}/", made["id"].as_str().unwrap());
    let mut whole = made.clone();
    whole["code"] = json!("ANOTHER");
    let changed = refused(app.put(&path).by(&admin).json(whole).send().await, 400, "read_only");
    assert_eq!(changed.wrong(), ["code"]);
    let wrong = app.post("/policies/").by(&admin);
    let mut lower = rule();
    lower["code"] = json!("returns");
    assert_eq!(refused(wrong.json(lower).send().await, 400, "invalid_input").wrong(), ["code"]);

    app.delete(&path).by(&admin).send().await.expect(204);
    post().await.expect(201);
    app.finish().await;
}

#[tokio::test]
async fn templates_keep_their_ids() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let late = json!({ "name": "Late", "language": "en", "body": "After {days} days." });
    let mut body = rule();
    body["templates"] = json!([late]);
    let made = app.post("/policies/").by(&admin).json(body).send().await.expect(201).json;
    let path = format!("/policies/{}/", made["id"].as_str().unwrap());
    let id = &made["templates"][0]["id"];
    assert!(id.is_string(), "{made}");

    let again =
        json!({ "templates": [late, { "name": "Used", "language": "en", "body": "Used." }] });
    let edited = app.patch(&path).by(&admin).json(again).send().await.expect(200).json;

    assert_eq!(&edited["templates"][0]["id"], id);
    assert_ne!(&edited["templates"][1]["id"], id);
    let foreign = json!({ "templates": [{ "id": uuid::Uuid::now_v7(), "name": "Used", "language": "en", "body": "." }] });
    let foreign = app.patch(&path).by(&admin).json(foreign).send().await;
    assert_eq!(refused(foreign, 400, "invalid_input").wrong(), ["templates.0.id"]);
    let alike =
        json!({ "templates": [late, { "name": "LATE", "language": "EN", "body": "Late." }] });
    let alike = app.patch(&path).by(&admin).json(alike).send().await;
    assert_eq!(refused(alike, 400, "invalid_input").wrong(), ["templates"]);
    let mut whole = ruling();
    whole["templates"] = edited["templates"].clone();
    let same = app.put(&path).by(&admin).json(whole).send().await.expect(200).json;
    assert_eq!((&same["templates"], &same["version"]), (&edited["templates"], &edited["version"]));
    app.finish().await;
}

#[tokio::test]
async fn a_retired_policy_is_listed_as_such_and_may_come_back() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let (kept, retired) = (app.policy(&admin, "Kept").await, app.policy(&admin, "Retired").await);
    let set = |flag: bool| {
        let body = json!({ "retired": flag });
        app.patch(&format!("/policies/{retired}/")).by(&admin).json(body).send()
    };
    let listed = async |query: &str| {
        let list = app.get(&format!("/policies/?{query}")).by(&admin).send().await.expect(200);
        each(&list.json, "id").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };

    assert_eq!(set(true).await.expect(200).json["retired"], true);
    assert_eq!(listed("retired=true").await, [retired.as_str()]);
    assert_eq!(listed("retired=false").await, [kept.as_str()]);
    assert_eq!(listed("").await, [retired.clone(), kept.clone()]);
    assert_eq!(set(false).await.expect(200).json["retired"], false);
    assert_eq!(listed("retired=true").await, [""; 0]);
    let wrong = app.get("/policies/?retired=perhaps").by(&admin).send().await;
    assert_eq!(refused(wrong, 400, "invalid_input").wrong(), ["retired"]);
    app.finish().await;
}

async fn put_below(
    app: &TestApp,
    admin: &Person,
    policy: &str,
    parent: &Value,
) -> crate::support::Answer {
    let body = json!({ "parent": parent });
    app.patch(&format!("/policies/{policy}/")).by(admin).json(body).send().await
}

#[tokio::test]
async fn a_parent_exists_and_is_neither_the_policy_nor_below_it_nor_too_deep() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let mut chain = vec![];
    for number in 0..7 {
        chain.push(app.policy(&admin, &format!("Level {number}")).await);
    }
    for at in 1..6 {
        put_below(&app, &admin, &chain[at], &json!(chain[at - 1])).await.expect(200);
    }

    for (policy, parent) in [
        (&chain[6], json!(uuid::Uuid::now_v7())),
        (&chain[0], json!(chain[0])),
        (&chain[0], json!(chain[4])),
        (&chain[6], json!(chain[5])),
    ] {
        let answer = put_below(&app, &admin, policy, &parent).await;
        assert_eq!(refused(answer, 400, "invalid_input").wrong(), ["parent"], "{parent}");
    }
    let both = json!({ "title": "", "parent": uuid::Uuid::now_v7() });
    let both = app.post("/policies/").by(&admin).json(both).send().await;
    let both = refused(both, 400, "invalid_input");
    assert_eq!(both.wrong(), ["code", "parent", "severity", "text", "title"]);
    let in_use = app.delete(&format!("/policies/{}/", chain[0])).by(&admin).send().await;
    refused(in_use, 409, "policy_in_use");
    app.finish().await;
}

#[tokio::test]
async fn what_others_stand_below_is_put_below_nothing() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let (top, middle) = (app.policy(&admin, "Top").await, app.policy(&admin, "Middle").await);
    let leaf = app.policy(&admin, "Leaf").await;
    put_below(&app, &admin, &leaf, &json!(middle)).await.expect(200);

    let deeper = put_below(&app, &admin, &middle, &json!(top)).await;

    assert_eq!(refused(deeper, 400, "invalid_input").wrong(), ["parent"]);
    let path = format!("/policies/{leaf}/");
    let whole = app.get(&path).by(&admin).send().await.expect(200).json;
    let same = app.put(&path).by(&admin).json(whole.clone()).send().await.expect(200).json;
    assert_eq!(same, whole, "what GET gave can be sent back");
    put_below(&app, &admin, &leaf, &Value::Null).await.expect(200);
    put_below(&app, &admin, &leaf, &json!(top)).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn two_policies_that_are_put_below_each_other_at_once_make_no_circle() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    for _ in 0..10 {
        let (one, other) = (app.policy(&admin, "One").await, app.policy(&admin, "Other").await);

        let (id_of_one, id_of_other) = (json!(one), json!(other));
        let (first, second) = tokio::join!(
            put_below(&app, &admin, &one, &id_of_other),
            put_below(&app, &admin, &other, &id_of_one),
        );

        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
    }
    app.finish().await;
}
