//! One active ADMIN always remains; the first one changes the printed password.

use domain::Role;
use serde_json::json;

use super::{NEW_PASSWORD, manage};
use crate::support::program::Program;
use crate::support::{Call, Person, TestApp};

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

/// What the first ADMIN of the embedded default is told to sign in with.
fn printed(said: &[String]) -> (String, String) {
    let line = said.iter().find_map(|line| line.strip_prefix("The first ADMIN is "));
    let (email, password) = line.unwrap().split_once(" with the password ").unwrap();
    (email.to_owned(), password.to_owned())
}

#[tokio::test]
async fn the_first_admin_changes_the_printed_password_before_anything_else() {
    let program =
        Program::new(&[("BIND", "127.0.0.1:0"), ("DATA_DIR", "data"), ("RUST_LOG", "warn")]);
    let server = program.serve(&[]).await;
    let (email, password) = printed(&server.said());
    let client = reqwest::Client::new();
    let call =
        |method: &str, path: &str| Call::new(&client, method, &format!("{}{path}", server.base()));
    let login = async |password: &str| {
        let body = json!({"email": email, "password": password});
        let tokens = call("POST", "/login/").json(body).send().await.expect(200).json;
        tokens["access"].as_str().unwrap().to_owned()
    };
    let limited = login(&password).await;

    for path in ["/users/", "/products/", "/me/sessions/", "/me/second-factor/"] {
        let refused = call("GET", path).bearer(&limited).send().await.expect(403);
        assert_eq!(refused.code(), "password_change_required", "{path}");
    }
    call("GET", "/me/").bearer(&limited).send().await.expect(200);
    let body = json!({"current_password": password, "new_password": NEW_PASSWORD});
    call("POST", "/password/change/").bearer(&limited).json(body).send().await.expect(204);

    // The same token, and one since.
    for token in [limited, login(NEW_PASSWORD).await] {
        call("GET", "/users/").bearer(&token).send().await.expect(200);
    }
}
