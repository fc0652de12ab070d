//! How an ADMIN finds accounts.

use domain::Role;
use serde_json::json;

use super::each;
use crate::refusal::refused;
use crate::support::TestApp;

#[tokio::test]
async fn accounts_are_found_by_their_whole_address_role_and_activity() {
    let app = TestApp::start().await;
    let (admin, auditor) = (app.user(Role::Admin).await, app.user(Role::Auditor).await);
    let (one, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    let staff = app.user(Role::Staff).await;
    let shut = json!({ "is_active": false });
    let path = format!("/users/{}/", other.id);
    app.patch(&path).by(&admin).json(shut).send().await.expect(200);
    let loud = one.email.to_uppercase();
    let new = json!({"email": "waiting@example.com", "password": "a bicycle made for two"});
    app.post("/register/").json(new).send().await.expect(201);

    for (query, expected) in [
        (format!("q={}", one.email), vec![&one]),
        (format!("q={loud}"), vec![&one]),
        (format!("q={}&role=END_USER&is_active=true", one.email), vec![&one]),
        (format!("q={}&role=STAFF", one.email), vec![]),
        (format!("q={}&is_active=true", other.email), vec![]),
        ("q=stranger@example.com".to_owned(), vec![]),
        ("role=STAFF".to_owned(), vec![&staff]),
        ("role=END_USER&is_active=true".to_owned(), vec![&one]),
        ("is_active=true".to_owned(), vec![&staff, &one, &auditor, &admin]),
    ] {
        for who in [&admin, &auditor] {
            let list = app.get(&format!("/users/?{query}")).by(who).send().await.expect(200).json;
            let expected: Vec<_> = expected.iter().map(|person| person.id.as_str()).collect();
            assert_eq!(each(&list, "id"), expected, "{query}");
        }
    }
    let inactive = app.get("/users/?is_active=false").by(&admin).send().await.expect(200).json;
    assert_eq!(each(&inactive, "email"), ["waiting@example.com", other.email.as_str()]);
    app.finish().await;
}

#[tokio::test]
async fn pages_of_filtered_accounts_lead_on_and_back() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let mut all = vec![];
    for _ in 0..5 {
        all.insert(0, app.user_by_command(Role::Staff).await.id);
    }

    let first = app.get("/users/?role=STAFF&limit=2").by(&admin).send().await.expect(200).json;
    let next = first["next"].as_str().unwrap();
    let second = app.get(next).by(&admin).send().await.expect(200).json;
    let back = app.get(second["previous"].as_str().unwrap()).by(&admin).send().await.expect(200);

    assert_eq!(each(&first, "id"), all[..2]);
    assert_eq!(each(&second, "id"), all[2..4]);
    assert_eq!(back.ids(), all[..2]);
    assert!(back.json["previous"].is_null());
}

#[tokio::test]
async fn a_filter_of_accounts_that_means_nothing_is_named() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;

    let answer = app.get("/users/?q=somebody&role=KING&is_active=maybe&mail=x").by(&admin);

    let answer = refused(answer.send().await, 400, "invalid_input");
    assert_eq!(answer.wrong(), ["is_active", "mail", "q", "role"]);
}
