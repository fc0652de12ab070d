//! Signing in with a second factor, and proving who one is by it.

use domain::Role;
use futures::future::join_all;
use serde_json::{Value, json};

use super::age_proof;
use crate::support::{Answer, Person, TestApp, link_in};

#[tokio::test]
async fn the_password_alone_opens_no_session_once_a_second_factor_is_in_force() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (mut authenticator, _) = app.enrol(&person).await;

    let asked = app.login(&person.email, &person.password).await.expect(401);
    let challenge = asked.json["challenge"].as_str().unwrap();
    let code = authenticator.next().await;
    let signed_in = app.complete_login(challenge, &code).await.expect(200).json;

    assert_eq!(asked.code(), "second_factor_required");
    assert!(asked.json.get("access").is_none() && asked.json.get("user").is_none());
    assert_eq!(signed_in["user"]["id"], json!(person.id));
    assert_eq!(signed_in["token_type"], "Bearer");
    let access = signed_in["access"].as_str().unwrap();
    app.get("/me/sessions/").bearer(access).send().await.expect(200);
    let wrong = app.login(&person.email, "not this one").await.expect(401);
    assert_eq!(wrong.code(), "invalid_credentials");
    assert!(wrong.json.get("challenge").is_none());
}

#[tokio::test]
async fn a_code_is_good_once_and_so_are_those_before_it() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (mut authenticator, _) = app.enrol(&person).await;
    let of_enrolment = authenticator.again();
    let challenge = app.challenge(&person).await;
    let code = authenticator.next().await;
    app.complete_login(&challenge, &code).await.expect(200);

    let fresh = app.challenge(&person).await;
    for (challenge, code) in [(&challenge, &code), (&fresh, &code), (&fresh, &of_enrolment)] {
        let refused = app.complete_login(challenge, code).await.expect(401);
        assert_eq!(refused.code(), "invalid_second_factor");
    }

    app.complete_login(&fresh, &authenticator.next().await).await.expect(200);
}

/// How many of many sign-ins with one code, at once and on two replicas, come through.
async fn successes(app: &TestApp, person: &Person, code: &str) -> usize {
    let replica = app.replica().await;
    let challenge = app.challenge(person).await;
    let body = json!({"challenge": challenge, "code": code});
    let answers: Vec<Answer> = join_all((0..12).map(|number| {
        let call = match number % 2 {
            0 => app.post("/login/second-factor/"),
            _ => app.request_to(&replica, "POST", "/login/second-factor/"),
        };
        call.json(body.clone()).send()
    }))
    .await;
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 401 | 429), "{answer:?}");
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn of_many_sign_ins_with_one_code_at_once_one_comes_through() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (mut authenticator, codes) = app.enrol(&person).await;

    for code in [authenticator.next().await, codes[0].clone()] {
        assert_eq!(successes(&app, &person, &code).await, 1, "{code}");
        // What is counted here is successes: the failures of one code must not throttle the next.
        sqlx::query("DELETE FROM attempts").execute(&app.pool()).await.unwrap();
    }
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_however_it_is_typed() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (_, codes) = app.enrol(&person).await;
    let typed = codes[0].to_lowercase().replace('-', " ");

    let challenge = app.challenge(&person).await;
    let back = app.complete_login(&challenge, &typed).await.expect(200).json;
    let refused = app.complete_login(&challenge, &codes[0]).await.expect(401);

    assert_eq!(refused.code(), "invalid_second_factor");
    let access = back["access"].as_str().unwrap();
    let told = app.get("/me/second-factor/").bearer(access).send().await.expect(200).json;
    assert_eq!(told["recovery_codes_left"], 9);
}

#[tokio::test]
async fn new_recovery_codes_void_those_before() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (_, former) = app.enrol(&person).await;

    let path = "/me/second-factor/recovery-codes/";
    let replaced = app.post(path).by(&person).json(json!({})).send().await.expect(200).json;

    let challenge = app.challenge(&person).await;
    app.complete_login(&challenge, &former[0]).await.expect(401);
    let new = replaced["recovery_codes"][0].as_str().unwrap();
    app.complete_login(&challenge, new).await.expect(200);
}

#[tokio::test]
async fn a_challenge_that_is_not_ours_is_refused_whatever_the_code() {
    let app = TestApp::start().await;
    let (person, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    let (mut authenticator, _) = app.enrol(&person).await;
    app.enrol(&other).await;
    let code = authenticator.next().await;
    let good = app.challenge(&person).await;
    let mut changed = good.clone().into_bytes();
    changed[0] ^= 1;

    for forged in [String::from_utf8(changed).unwrap(), String::new(), person.access.clone()] {
        let refused = app.complete_login(&forged, &code).await.expect(401);
        assert_eq!(refused.code(), "invalid_challenge", "{forged}");
    }
    let of_other = app.challenge(&other).await;
    let refused = app.complete_login(&of_other, &code).await.expect(401);
    assert_eq!(refused.code(), "invalid_second_factor");
    app.complete_login(&good, &code).await.expect(200);
}

#[tokio::test]
async fn an_act_that_ends_access_between_password_and_code_wins() {
    let app = TestApp::start().await;
    let (admin, person) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    let (_, codes) = app.enrol(&person).await;
    let before_the_change = app.challenge(&person).await;
    let new = "a lamp in every window";

    let change = json!({"current_password": person.password, "new_password": new});
    app.post("/password/change/").by(&person).json(change).send().await.expect(204);

    let refused = app.complete_login(&before_the_change, &codes[0]).await.expect(401);
    assert_eq!(refused.code(), "invalid_challenge");
    let person = Person { password: new.to_owned(), ..person };
    let before_the_end = app.challenge(&person).await;
    let path = format!("/users/{}/", person.id);
    app.patch(&path).by(&admin).json(json!({"is_active": false})).send().await.expect(200);
    let refused = app.complete_login(&before_the_end, &codes[0]).await.expect(403);
    assert_eq!(refused.code(), "account_deactivated");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM recovery_codes")
        .fetch_one(&app.pool())
        .await
        .unwrap();
    assert_eq!(left, 10, "a refused sign-in uses no code up");
}

#[tokio::test]
async fn a_password_that_is_set_by_a_link_does_not_replace_the_code() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (_, codes) = app.enrol(&person).await;
    let asked = json!({"email": person.email});
    app.post("/password/reset/").json(asked).send().await.expect(202);
    let mails = app.mails_to(&person.email, 2).await;
    let mail = mails.iter().find(|mail| mail.contains("/password/reset/")).unwrap();
    let link = url::Url::parse(&app.url(&link_in(mail))).unwrap();
    let mut body: Value = link.query_pairs().map(|(name, value)| (name, json!(value))).collect();
    body["password"] = json!("a lamp in every window");

    app.post("/password/reset/confirm/").json(body).send().await.expect(204);

    let person = Person { password: "a lamp in every window".to_owned(), ..person };
    let challenge = app.challenge(&person).await;
    app.complete_login(&challenge, &codes[0]).await.expect(200);
}

#[tokio::test]
async fn a_code_proves_once_more_who_one_is_and_so_does_the_password() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let prove =
        async |proof: Value| app.post("/me/reauthenticate/").by(&person).json(proof).send().await;
    let none = prove(json!({"code": "123456"})).await.expect(400);
    let (mut authenticator, _) = app.enrol(&person).await;
    let code = authenticator.next().await;
    let sensitive = async || app.delete("/me/sessions/").by(&person).send().await;

    age_proof(&app, &person).await;
    let both = prove(json!({"code": code, "password": person.password})).await.expect(400);
    let neither = prove(json!({})).await.expect(400);
    let wrong = prove(json!({"code": authenticator.wrong()})).await.expect(400);
    sensitive().await.expect(403);
    prove(json!({"code": code})).await.expect(204);
    let again = prove(json!({"code": code})).await.expect(400);

    for (answer, field) in [(none, "code"), (both, "password"), (neither, "password")] {
        assert_eq!(answer.wrong(), [field]);
    }
    assert_eq!((wrong.wrong(), again.wrong()), (vec!["code"], vec!["code"]));
    age_proof(&app, &person).await;
    prove(json!({"password": person.password})).await.expect(204);
    sensitive().await.expect(204);
}
