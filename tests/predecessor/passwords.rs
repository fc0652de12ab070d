//! Passwords, and what registration gives away.

use domain::Role;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn rows_40_and_41_a_weak_password_and_a_role_of_ones_own_choice_are_refused() {
    let app = TestApp::start().await;
    let register = async |password: &str, role: &str| {
        let body = json!({ "email": "ada@example.com", "password": password, "role": role });
        app.post("/register/").json(body).send().await
    };

    for password in ["1", "password", "12345678", &"x".repeat(129)] {
        let weak = register(password, "END_USER").await.expect(400);
        assert_eq!(weak.wrong(), ["password"], "{password}");
    }
    for role in ["ADMIN", "STAFF", "AUDITOR"] {
        let greedy = register("a lamp in every window", role).await.expect(403);
        assert_eq!(greedy.code(), "role_not_self_assignable");
    }

    let admin = app.user(Role::Admin).await;
    let users = app.get("/users/").by(&admin).send().await.expect(200);
    assert_eq!(users.ids(), [admin.id]);
    register("a lamp in every window", "END_USER").await.expect(201);
}

#[tokio::test]
async fn row_47_guessing_a_password_is_slowed_down() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;

    let mut answers = vec![];
    for guess in 0..50 {
        answers.push(app.login(&person.email, &format!("guess no. {guess}")).await);
    }

    let last = answers.pop().unwrap().expect(429);
    assert_eq!(last.code(), "too_many_attempts");
    assert!(last.header("retry-after").parse::<u32>().unwrap() > 0);
    assert!(!last.header("ratelimit").is_empty(), "{last:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
    let right = app.login(&person.email, &person.password).await.expect(429);
    assert_eq!(right.code(), "too_many_attempts");
}

#[tokio::test]
async fn row_47_registering_a_known_address_is_answered_like_an_unknown_one() {
    let app = TestApp::start().await;
    let known = app.user(Role::EndUser).await;
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": "a lamp in every window" });
        app.post("/register/").json(body).send().await.expect(201)
    };

    let of_known = register(&known.email).await;
    let of_unknown = register("ada@example.com").await;

    assert_eq!(of_known.bytes, of_unknown.bytes);
    let names = |answer: &crate::support::Answer| {
        answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&of_known), names(&of_unknown));
    assert!(app.mail_to(&known.email).await.contains("has an account already"));
    app.sign_in(&known.email, &known.password).await;
}
