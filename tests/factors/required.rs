//! Roles that need a second factor.

use domain::Role;
use serde_json::json;

use crate::support::{Person, TestApp};

const REQUIRED: [(&str, &str); 1] = [("REQUIRE_SECOND_FACTOR", "ADMIN,STAFF,AUDITOR")];

async fn is_limited(app: &TestApp, person: &Person) -> bool {
    let answer = app.get("/products/").by(person).send().await;
    if answer.status == 403 {
        assert_eq!(answer.code(), "second_factor_enrolment_required");
    }
    answer.status == 403
}

#[tokio::test]
async fn a_role_that_needs_a_second_factor_does_nothing_before_it_has_one() {
    let app = TestApp::start_with(&REQUIRED).await;
    let buyer = app.user(Role::EndUser).await;

    for role in [Role::Admin, Role::Staff, Role::Auditor] {
        let person = app.user(role).await;
        for (method, path) in [
            ("GET", "/products/"),
            ("GET", "/me/activity/"),
            ("DELETE", "/me/"),
            ("GET", "/users/"),
        ] {
            let answer = app.request(method, path).by(&person).send().await.expect(403);
            let may_not = role == Role::Staff && path == "/users/";
            assert!(may_not || answer.code() == "second_factor_enrolment_required", "{answer:?}");
        }
        app.get("/me/").by(&person).send().await.expect(200);
        app.enrol(&person).await;
        assert!(!is_limited(&app, &person).await);
    }
    assert!(!is_limited(&app, &buyer).await);
}

#[tokio::test]
async fn a_person_given_such_a_role_is_limited_from_the_next_token_on() {
    let app = TestApp::start_with(&REQUIRED).await;
    let (admin, person) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    app.enrol(&admin).await;

    let path = format!("/users/{}/", person.id);
    app.patch(&path).by(&admin).json(json!({"role": "STAFF"})).send().await.expect(200);

    let body = json!({"refresh": person.refresh});
    let fresh = app.post("/token/refresh/").json(body).send().await.expect(200).json;
    let person = Person { access: fresh["access"].as_str().unwrap().to_owned(), ..person };
    assert!(is_limited(&app, &person).await);
}

#[tokio::test]
async fn a_person_who_disables_it_is_limited_at_once() {
    let app = TestApp::start_with(&REQUIRED).await;
    let person = app.user(Role::Staff).await;
    app.enrol(&person).await;
    assert!(!is_limited(&app, &person).await);

    app.delete("/me/second-factor/").by(&person).send().await.expect(204);

    assert!(is_limited(&app, &person).await);
    app.enrol(&person).await;
    assert!(!is_limited(&app, &person).await);
}

#[tokio::test]
async fn a_token_from_before_the_requirement_is_limited_too() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::Admin).await;
    assert!(!is_limited(&app, &person).await);

    app.program.set("REQUIRE_SECOND_FACTOR", "ADMIN");
    app.restart().await;

    assert!(is_limited(&app, &person).await);
}
