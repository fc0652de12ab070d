//! Changes of address, and the links in mails.

use domain::Role;
use serde_json::json;

use super::{
    NEW_PASSWORD, admin, ask_for_address, change_password, manage, refresh, reset_by_mail,
};
use crate::support::{Person, TestApp, eventually, in_query, link_in};

/// Somebody whose account a thief is about to move to an address of theirs.
async fn with_a_pending_change(app: &TestApp, thief: &str) -> (Person, String) {
    let owner = app.user(Role::EndUser).await;
    ask_for_address(app, &owner, thief).await.expect(200);
    (owner, link_in(&app.mail_to(thief).await))
}

#[tokio::test]
async fn a_pending_change_of_address_does_not_survive_what_ends_access() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;

    let (owner, changed) = with_a_pending_change(&app, "thief-1@example.com").await;
    change_password(&app, &owner, &owner.password, NEW_PASSWORD).await.expect(204);
    let (owner, reset) = with_a_pending_change(&app, "thief-2@example.com").await;
    let body = reset_by_mail(&app, &owner.email, 1).await;
    app.post("/password/reset/confirm/").json(body).send().await.expect(204);
    let (owner, demoted) = with_a_pending_change(&app, "thief-3@example.com").await;
    manage(&app, &admin, &owner, json!({"role": "AUDITOR"})).await.expect(200);
    let (owner, ended) = with_a_pending_change(&app, "thief-4@example.com").await;
    app.delete("/me/sessions/").by(&owner).send().await.expect(204);
    let (owner, shut) = with_a_pending_change(&app, "thief-5@example.com").await;
    manage(&app, &admin, &owner, json!({"is_active": false})).await.expect(200);

    for link in [changed, reset, demoted, ended, shut] {
        let refused = app.get(&link).send().await.expect(400);
        assert_eq!(refused.code(), "invalid_activation_link");
    }
}

#[tokio::test]
async fn a_reset_link_does_not_work_after_the_address_has_moved() {
    let app = TestApp::start().await;
    let owner = app.user(Role::EndUser).await;
    let reset = reset_by_mail(&app, &owner.email, 1).await;
    ask_for_address(&app, &owner, "new@example.com").await.expect(200);
    app.get(&link_in(&app.mail_to("new@example.com").await)).send().await.expect(200);

    let refused = app.post("/password/reset/confirm/").json(reset).send().await.expect(400);

    assert_eq!(refused.code(), "invalid_reset_link");
    app.login("new@example.com", &owner.password).await.expect(200);
}

#[tokio::test]
async fn a_stranger_gets_a_few_mails_whatever_asks_for_them() {
    let app = TestApp::start().await;
    let (one, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    let stranger = "stranger@example.com";

    let mut sent = 0;
    for round in 0..20 {
        let person = if round % 2 == 0 { &one } else { &other };
        let answer = ask_for_address(&app, person, stranger).await;
        sent += usize::from(answer.status == 200);
        assert!(matches!(answer.status, 200 | 429), "{answer:?}");
    }

    assert_eq!(sent, 5);
    // Mails are sent side by side: a later one may arrive before an earlier one.
    eventually("five mails", async || (app.mails(stranger).len() == 5).then_some(())).await;
    ask_for_address(&app, &one, "somebody-else@example.com").await.expect(200);
    app.mail_to("somebody-else@example.com").await;
    assert_eq!(app.mails(stranger).len(), 5);
}

#[tokio::test]
async fn mails_of_all_kinds_to_one_address_have_a_budget_together() {
    let app = TestApp::start().await;
    let victim = app.user(Role::EndUser).await;
    let others = [app.user(Role::EndUser).await, app.user(Role::EndUser).await];
    for round in 0..12 {
        let body = json!({"email": victim.email, "password": NEW_PASSWORD});
        app.post("/register/").json(body).send().await.expect(201);
        app.post("/password/reset/").json(json!({"email": victim.email})).send().await.expect(202);
        ask_for_address(&app, &others[round % 2], &victim.email).await;
    }
    let asked = "SELECT count(*) FROM events WHERE event_type IN
                 ('RegistrationRepeated', 'PasswordResetRequested', 'EmailChangeRequested')";

    let mails: i64 = sqlx::query_scalar(asked).fetch_one(&app.pool()).await.unwrap();

    assert_eq!(mails, 12);
}

#[tokio::test]
async fn a_second_click_says_the_same_and_asking_by_head_confirms_nothing() {
    let app = TestApp::start().await;
    let body = json!({"email": "ada@example.com", "password": NEW_PASSWORD});
    app.post("/register/").json(body).send().await.expect(201);
    let link = link_in(&app.mail_to("ada@example.com").await);

    app.request("HEAD", &link).send().await.expect(200);
    app.login("ada@example.com", NEW_PASSWORD).await.expect(403);
    for _ in 0..2 {
        app.get(&link).send().await.expect(200);
    }
    let ada = app.sign_in("ada@example.com", NEW_PASSWORD).await;
    ask_for_address(&app, &ada, "new@example.com").await.expect(200);
    let link = link_in(&app.mail_to("new@example.com").await);
    for _ in 0..2 {
        app.get(&link).send().await.expect(200);
    }
}

/// The account at its new address, the old one, and what the mail to the old one leads to.
async fn moved(app: &TestApp) -> (Person, serde_json::Value) {
    let owner = app.user(Role::EndUser).await;
    let thief = format!("thief-of-{}", owner.email);
    ask_for_address(app, &owner, &thief).await.expect(200);
    app.get(&link_in(&app.mail_to(&thief).await)).send().await.expect(200);
    let told = app.mail_to(&owner.email).await;
    (owner, in_query(&link_in(&told)))
}

/// Only the mailbox opens the account: a new password comes by it.
async fn regain(app: &TestApp, owner: &Person) {
    app.login(&owner.email, &owner.password).await.expect(401);
    let mails = app.mails(&owner.email).len();
    // The mail that says that the address was restored comes too.
    app.post("/password/reset/").json(json!({"email": owner.email})).send().await.expect(202);
    let link = eventually("a reset link", async || {
        let mails = app.mails(&owner.email).split_off(mails);
        mails.into_iter().find(|mail| mail.contains("/app/password/reset/"))
    })
    .await;
    let mut body = in_query(&link_in(&link));
    body["password"] = json!("three green lamps");
    app.post("/password/reset/confirm/").json(body).send().await.expect(204);
    app.login(&owner.email, "three green lamps").await.expect(200);
}

#[tokio::test]
async fn the_former_address_is_told_of_a_change_and_can_undo_it() {
    let app = TestApp::start().await;
    let (owner, undo) = moved(&app).await;
    let thief = format!("thief-of-{}", owner.email);
    change_password(&app, &owner, &owner.password, NEW_PASSWORD).await.expect(204);
    app.login(&owner.email, NEW_PASSWORD).await.expect(401);

    app.post("/email/undo/").json(undo.clone()).send().await.expect(204);

    app.get("/me/").by(&owner).send().await.expect(401);
    refresh(&app, &owner.refresh).await.expect(401);
    for email in [&thief, &owner.email] {
        app.login(email, NEW_PASSWORD).await.expect(401);
    }
    regain(&app, &owner).await;
    let used = app.post("/email/undo/").json(undo).send().await.expect(400);
    assert_eq!(used.code(), "invalid_undo_link");
    app.finish().await;
}

#[tokio::test]
async fn a_thief_who_moves_on_cannot_undo_the_owners_undoing() {
    let app = TestApp::start().await;
    let (owner, undo) = moved(&app).await;
    let thief = format!("thief-of-{}", owner.email);
    ask_for_address(&app, &owner, "second-thief@example.com").await.expect(200);
    app.get(&link_in(&app.mail_to("second-thief@example.com").await)).send().await.expect(200);
    // Confirmation, notice of the first change, notice of the second with its link.
    let of_thief = eventually("the thief is told too", async || {
        let mails = app.mails(&thief);
        mails.into_iter().find(|mail| mail.contains("/app/email/undo/"))
    })
    .await;

    app.post("/email/undo/").json(undo).send().await.expect(204);

    let body = in_query(&link_in(&of_thief));
    app.post("/email/undo/").json(body).send().await.expect(400);
    regain(&app, &owner).await;
}

#[tokio::test]
async fn a_former_address_is_kept_for_its_owner_while_the_change_can_be_undone() {
    let app = TestApp::start().await;
    let (owner, undo) = moved(&app).await;
    let register = async || {
        let body = json!({"email": owner.email, "password": NEW_PASSWORD});
        app.post("/register/").json(body).send().await.expect(201)
    };
    let people = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&app.pool()).await.unwrap()
    };

    register().await;
    assert_eq!(people().await, 1);
    app.post("/email/undo/").json(undo).send().await.expect(204);
    regain(&app, &owner).await;

    let (owner, undo) = moved(&app).await;
    let later = "UPDATE reservations SET held_until = now() - interval '1 second'
                 WHERE held_until IS NOT NULL";
    sqlx::query(later).execute(&app.pool()).await.unwrap();
    let body = json!({"email": owner.email, "password": NEW_PASSWORD});
    app.post("/register/").json(body).send().await.expect(201);
    assert_eq!(people().await, 3);
    let taken = app.post("/email/undo/").json(undo).send().await.expect(409);
    assert_eq!(taken.code(), "email_taken");
    app.finish().await;
}

#[tokio::test]
async fn an_undo_link_is_for_its_account_and_its_change_alone() {
    let app = TestApp::start().await;
    let ((_, undo), (_, other)) = (moved(&app).await, moved(&app).await);
    let reset = reset_by_mail(&app, &app.user(Role::EndUser).await.email, 1).await;
    let forged = [
        json!({"uid": undo["uid"], "token": other["token"]}),
        json!({"uid": other["uid"], "token": undo["token"]}),
        json!({"uid": reset["uid"], "token": reset["token"]}),
        json!({"uid": "", "token": undo["token"]}),
        json!({"uid": undo["uid"], "token": ""}),
    ];

    for body in forged {
        let refused = app.post("/email/undo/").json(body).send().await.expect(400);
        assert_eq!(refused.code(), "invalid_undo_link");
    }
}
