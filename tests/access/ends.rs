//! A token from before an end of access never works again.

use domain::Role;
use futures::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{NEW_PASSWORD, admin, change_password, manage, refreshed, reset_by_mail};
use crate::support::{TestApp, eventually, link_in};

#[tokio::test]
async fn a_demoted_admin_who_changes_their_password_does_not_get_the_old_token_back() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (admin, demoted) = (admin(&app).await, app.user(Role::Admin).await);
    let accomplice = app.user(Role::EndUser).await;
    manage(&app, &admin, &demoted, json!({"role": "END_USER"})).await.expect(200);
    let now = refreshed(&app, &demoted).await;

    change_password(&app, &now, &demoted.password, NEW_PASSWORD).await.expect(204);

    manage(&app, &demoted, &accomplice, json!({"role": "ADMIN"})).await.expect(401);
    let path = format!("/users/{}/", accomplice.id);
    let promote = || {
        let call = app.request_to(&replica, "PATCH", &path).by(&demoted);
        call.json(json!({"role": "ADMIN"})).send()
    };
    eventually("the replica refuses it", async || (promote().await.status == 401).then_some(()))
        .await;
    app.get("/me/").by(&now).send().await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn the_session_that_changed_the_password_goes_on_and_no_other_does() {
    let app = TestApp::start().await;
    let here = app.user(Role::EndUser).await;
    let there = app.sign_in(&here.email, &here.password).await;

    change_password(&app, &here, &here.password, NEW_PASSWORD).await.expect(204);
    change_password(&app, &here, NEW_PASSWORD, "three green lamps").await.expect(204);

    app.get("/me/").by(&here).send().await.expect(200);
    app.get("/me/").by(&there).send().await.expect(401);
    refreshed(&app, &here).await;
}

#[tokio::test]
async fn of_six_changes_at_once_by_one_password_one_counts() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let person = app.user(Role::EndUser).await;
    let change = |number: usize| {
        let body = json!({
            "current_password": person.password,
            "new_password": format!("green lamp number {number}"),
        });
        let call = match number % 2 {
            0 => app.post("/password/change/"),
            _ => app.request_to(&replica, "POST", "/password/change/"),
        };
        call.by(&person).json(body).send()
    };

    let answers = join_all((0..6).map(change)).await;

    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let changed = statuses.iter().filter(|status| **status == 204).count();
    assert_eq!(changed, 1, "{statuses:?}");
    let refused = |status: &&u16| matches!(status, 400 | 429);
    assert_eq!(statuses.iter().filter(refused).count(), 5, "{statuses:?}");
    let log = "SELECT count(*) FROM events WHERE event_type = 'PasswordChanged'";
    let logged: i64 = sqlx::query_scalar(log).fetch_one(&app.pool()).await.unwrap();
    assert_eq!(logged, 1);
}

#[tokio::test]
async fn an_account_that_was_never_activated_can_be_shut_and_its_link_is_dead_then() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let body = json!({"email": "ada@example.com", "password": NEW_PASSWORD});
    app.post("/register/").json(body).send().await.expect(201);
    let link = link_in(&app.mail_to("ada@example.com").await);
    let users = app.get("/users/").by(&admin).send().await.expect(200);
    let path = format!("/users/{}/", users.ids()[0]);

    let shut = app.patch(&path).by(&admin).json(json!({"is_active": false})).send().await;

    assert_eq!(shut.expect(200).json["version"], 2);
    let refused = app.get(&link).send().await.expect(400);
    assert_eq!(refused.code(), "invalid_activation_link");
    app.login("ada@example.com", NEW_PASSWORD).await.expect(403);
    app.patch(&path).by(&admin).json(json!({"is_active": true})).send().await.expect(200);
    app.login("ada@example.com", NEW_PASSWORD).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn ending_all_sessions_ends_this_one_too_on_every_replica() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let here = app.user(Role::EndUser).await;
    let there = app.sign_in(&here.email, &here.password).await;

    app.delete("/me/sessions/").by(&here).send().await.expect(204);

    for person in [&here, &there] {
        app.get("/me/").by(person).send().await.expect(401);
        super::refresh(&app, &person.refresh).await.expect(401);
        eventually("the replica refuses it", async || {
            let asked = app.request_to(&replica, "GET", "/me/").by(person).send().await;
            (asked.status == 401).then_some(())
        })
        .await;
    }
    app.login(&here.email, &here.password).await.expect(200);
}

/// The token is read when a request begins, and asked about again once the body is there.
#[tokio::test]
async fn a_session_that_ends_while_a_body_is_on_its_way_ends_that_request_too() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let head = format!(
        "PATCH /me/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        person.access
    );
    let mut stream = app.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).await.unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    app.delete("/me/sessions/").by(&person).send().await.expect(204);
    stream.write_all(b"{}").await.unwrap();

    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 401 ") && said.contains("invalid_token"), "{said}");
}

#[tokio::test]
async fn a_reset_ends_every_session_and_what_came_before_stays_ended_after_a_restart() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::Staff).await;
    let body = reset_by_mail(&app, &person.email, 1).await;

    app.post("/password/reset/confirm/").json(body).send().await.expect(204);
    app.restart().await;

    app.get("/me/").by(&person).send().await.expect(401);
    super::refresh(&app, &person.refresh).await.expect(401);
}

#[tokio::test]
async fn a_session_that_is_not_used_ends_by_itself() {
    let app = TestApp::start_with(&[("SESSION_IDLE_DAYS", "3")]).await;
    let person = app.user(Role::EndUser).await;
    let rest = async |days: i32| {
        let sql = "UPDATE sessions SET last_used_at = now() - make_interval(days => $1)";
        sqlx::query(sql).bind(days).execute(&app.pool()).await.unwrap();
    };

    rest(2).await;
    let person = refreshed(&app, &person).await;
    rest(3).await;

    super::refresh(&app, &person.refresh).await.expect(401);
}
