//! Accounts and sessions.

use domain::Role;
use serde_json::json;

use crate::support::{TestApp, link_in};

const PASSWORD: &str = "a lamp in every window";

async fn register(app: &TestApp, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD });
    app.post("/register/").json(body).send().await.expect(201);
}

#[tokio::test]
async fn rows_13_and_14_an_address_in_other_case_is_the_same_account() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    register(&app, "Ada@Example.com").await;

    register(&app, "ada@example.COM").await;

    let users = app.get("/users/").by(&admin).send().await.expect(200);
    assert_eq!(users.ids().len(), 2, "{users:?}");
    let mails = app.mails_to("Ada@Example.com", 2).await;
    let link = mails.iter().find(|mail| mail.contains("/activate/")).unwrap();
    app.get(&link_in(link)).send().await.expect(200);
    app.login("ADA@EXAMPLE.COM", PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn row_15_signing_in_before_activation_says_what_to_do() {
    let app = TestApp::start().await;
    register(&app, "ada@example.com").await;

    let early = app.login("ada@example.com", PASSWORD).await.expect(403);
    let wrong = app.login("ada@example.com", "something else").await.expect(401);

    assert_eq!(early.code(), "account_not_activated");
    assert!(early.json["detail"].as_str().unwrap().contains("activation mail"), "{early:?}");
    assert_eq!(wrong.code(), "invalid_credentials");
}

#[tokio::test]
async fn row_16_a_refresh_token_rotates_and_works_once() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let refresh =
        |token: &str| app.post("/token/refresh/").json(json!({ "refresh": token })).send();

    let second = refresh(&person.refresh).await.expect(200).json;
    let third = refresh(second["refresh"].as_str().unwrap()).await.expect(200).json;
    let reused = refresh(&person.refresh).await.expect(401);

    assert_eq!(second["token_type"], "Bearer");
    assert_ne!(second["refresh"], person.refresh.as_str());
    assert_eq!(reused.code(), "token_reused");
    for tokens in [second, third] {
        refresh(tokens["refresh"].as_str().unwrap()).await.expect(401);
        app.get("/me/").bearer(tokens["access"].as_str().unwrap()).send().await.expect(401);
    }
}

#[tokio::test]
async fn row_17_logging_out_ends_all_of_the_session() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let other = app.sign_in(&person.email, &person.password).await;
    let refresh = json!({ "refresh": person.refresh });

    let out = app.post("/logout/").by(&person).json(refresh.clone()).send().await.expect(205);

    assert!(out.bytes.is_empty());
    app.get("/me/").by(&person).send().await.expect(401);
    app.post("/token/refresh/").json(refresh).send().await.expect(401);
    app.get("/me/").by(&other).send().await.expect(200);
}

#[tokio::test]
async fn row_45_an_activation_link_is_idempotent_and_starts_with_the_public_url() {
    let app = TestApp::start_with(&[("PUBLIC_URL", "https://shop.example/api")]).await;
    register(&app, "ada@example.com").await;

    let mail = app.mail_to("ada@example.com").await;

    assert!(mail.contains("https://shop.example/api/activate/"), "{mail}");
    let link = link_in(&mail);
    let link = link.strip_prefix("/api").unwrap();
    app.get(link).send().await.expect(200);
    app.get(link).send().await.expect(200);
    let (uid, _) = link.strip_prefix("/activate/").unwrap().split_once('/').unwrap();
    let forged = app.get(&format!("/activate/{uid}/AAAA/")).send().await.expect(400);
    assert_eq!(forged.code(), "invalid_activation_link");
    app.sign_in("ada@example.com", PASSWORD).await;
}

#[tokio::test]
async fn row_46_nobody_ends_the_session_of_somebody_else() {
    let app = TestApp::start().await;
    let (person, thief) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    let refresh = json!({ "refresh": person.refresh });

    app.post("/logout/").by(&thief).json(refresh.clone()).send().await.expect(401);

    app.get("/me/").by(&person).send().await.expect(200);
    app.post("/token/refresh/").json(refresh).send().await.expect(200);
}
