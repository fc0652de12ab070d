//! One active ADMIN always remains; the first one changes the printed password.

use domain::Role;
use serde_json::json;

use super::{NEW_PASSWORD, change_password, manage, refreshed};
use crate::support::{Person, TestApp};

/// Active ADMINs, by the read model.
async fn admins(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM users WHERE role = 'ADMIN' AND is_active";
    sqlx::query_scalar(sql).fetch_one(&app.pool()).await.unwrap()
}

#[tokio::test]
async fn two_admins_who_demote_each_other_at_two_replicas_leave_one() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    for round in 0..20 {
        let (one, other) = (app.user(Role::Admin).await, app.user(Role::Admin).await);
        let path = |person: &Person| format!("/users/{}/", person.id);
        let change =
            if round % 2 == 0 { json!({"role": "END_USER"}) } else { json!({"is_active": false}) };
        let first = app.patch(&path(&other)).by(&one).json(change.clone());
        let second = app.request_to(&replica, "PATCH", &path(&one)).by(&other).json(change);

        let (first, second) = tokio::join!(first.send(), second.send());

        assert_eq!(admins(&app).await, 1, "{first:?} {second:?}");
        // The one that is left makes room for the next round.
        sqlx::query("UPDATE users SET role = 'END_USER' WHERE role = 'ADMIN'")
            .execute(&app.pool())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn two_admins_who_demote_each_other_in_one_batch_leave_one() {
    let app = TestApp::start().await;
    let (one, other) = (app.user(Role::Admin).await, app.user(Role::Admin).await);
    let demote = json!({"role": "STAFF"});

    let (first, second) = tokio::join!(
        manage(&app, &one, &other, demote.clone()),
        manage(&app, &other, &one, demote),
    );

    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [200, 401 | 403 | 409]), "{first:?} {second:?}");
    assert_eq!(admins(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn the_last_admin_cannot_be_erased_and_nothing_of_theirs_is_withdrawn_by_the_try() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let category = app.category(&admin, "Lamps").await;
    let product = app.product(&admin, &category, "Lamp").await;

    let refused = app.delete("/me/").by(&admin).send().await.expect(409);

    assert_eq!(refused.code(), "last_admin");
    assert_eq!(app.see(&admin, &product).await["status"], "PENDING");
    app.user(Role::Admin).await;
    app.delete("/me/").by(&admin).send().await.expect(204);
    app.finish().await;
}

#[tokio::test]
async fn the_last_admins_who_erase_themselves_at_once_leave_one() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (one, other) = (app.user(Role::Admin).await, app.user(Role::Admin).await);

    let (first, second) = tokio::join!(
        app.delete("/me/").by(&one).send(),
        app.request_to(&replica, "DELETE", "/me/").by(&other).send(),
    );

    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{first:?} {second:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_that_has_to_change_its_password_does_nothing_else_before() {
    let app = TestApp::start().await;
    let admin = app.user(Role::Admin).await;
    let required = format!(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
         payload, metadata, position, event_id, recorded_at, salt) \
         SELECT 'user', '{}', 3, 'PasswordChangeRequired', '1', '\"PasswordChangeRequired\"', metadata, \
                (SELECT max(position) + 1 FROM events), gen_random_uuid(), now(), salt \
         FROM events WHERE aggregate_id = '{}' AND sequence = 2",
        admin.id, admin.id
    );
    sqlx::query(&required).execute(&app.pool()).await.unwrap();
    sqlx::query("UPDATE log_head SET position = position + 1").execute(&app.pool()).await.unwrap();
    let mut app = app;
    app.restart().await;

    let limited = app.sign_in(&admin.email, &admin.password).await;

    let refused = app.get("/products/").by(&limited).send().await.expect(403);
    assert_eq!(refused.code(), "password_change_required");
    app.get("/users/").by(&limited).send().await.expect(403);
    app.get("/me/").by(&limited).send().await.expect(200);
    change_password(&app, &limited, &admin.password, NEW_PASSWORD).await.expect(204);
    app.get("/users/").by(&limited).send().await.expect(200);
    let after = refreshed(&app, &limited).await;
    app.get("/users/").by(&after).send().await.expect(200);
}
