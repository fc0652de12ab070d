//! A second factor set up, replaced, disabled.

use std::collections::BTreeSet;

use domain::Role;
use serde_json::{Value, json};

use super::age_proof;
use crate::support::{Answer, Authenticator, Person, TestApp, eventually};

async fn begin(app: &TestApp, person: &Person) -> Answer {
    app.post("/me/second-factor/").by(person).json(json!({})).send().await
}

async fn state(app: &TestApp, person: &Person) -> (bool, i64) {
    let told = app.get("/me/second-factor/").by(person).send().await.expect(200).json;
    (told["enabled"].as_bool().unwrap(), told["recovery_codes_left"].as_i64().unwrap())
}

#[tokio::test]
async fn a_second_factor_is_in_force_once_a_code_of_it_was_given() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let elsewhere = app.sign_in(&person.email, &person.password).await;

    let begun = begin(&app, &person).await.expect(200).json;
    let secret = begun["secret"].as_str().unwrap();
    let mut authenticator = Authenticator::new(secret);
    let wrong = app.confirm_factor(&person, &authenticator.wrong()).await.expect(400);
    let (before, still) = (state(&app, &person).await, app.login(&person.email, &person.password));
    still.await.expect(200);
    let code = authenticator.next().await;
    let confirmed = app.confirm_factor(&person, &code).await.expect(200);

    assert!(secret.len() == 32 && begun["otpauth_url"].as_str().unwrap().contains(secret));
    assert!(begun["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/Vetted:"));
    assert_eq!(wrong.wrong(), ["code"]);
    assert_eq!((before, state(&app, &person).await), ((false, 0), (true, 10)));
    let codes = confirmed.json["recovery_codes"].as_array().unwrap();
    let distinct: BTreeSet<_> = codes.iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 10);
    assert_eq!(begin(&app, &person).await.expect(409).code(), "second_factor_enabled");
    let again = app.confirm_factor(&person, &authenticator.again()).await.expect(409);
    assert_eq!(again.code(), "second_factor_enabled");
    eventually("the other session has ended", async || {
        let answer = app.get("/me/").by(&elsewhere).send().await;
        (answer.status == 401).then_some(())
    })
    .await;
    app.get("/me/").by(&person).send().await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn asking_again_replaces_a_secret_that_was_not_confirmed() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let first = begin(&app, &person).await.expect(200).json["secret"].clone();

    let second = begin(&app, &person).await.expect(200).json["secret"].clone();

    let [mut former, mut present] =
        [first, second].map(|secret| Authenticator::new(secret.as_str().unwrap()));
    app.confirm_factor(&person, &former.next().await).await.expect(400);
    app.confirm_factor(&person, &present.next().await).await.expect(200);
}

#[tokio::test]
async fn whatever_changes_a_second_factor_needs_a_recent_proof() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    age_proof(&app, &person).await;
    let acts = [
        ("POST", "/me/second-factor/", 200),
        ("POST", "/me/second-factor/recovery-codes/", 409),
        ("DELETE", "/me/second-factor/", 204),
    ];

    for (method, path, _) in acts {
        let refused = app.request(method, path).by(&person).send().await.expect(403);
        assert_eq!(refused.code(), "reauthentication_required", "{method} {path}");
    }

    let proof = json!({"password": person.password});
    app.post("/me/reauthenticate/").by(&person).json(proof).send().await.expect(204);
    for (method, path, status) in acts {
        app.request(method, path).by(&person).send().await.expect(status);
    }
}

#[tokio::test]
async fn answers_with_secrets_are_not_kept_for_an_idempotency_key() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let ask = async |path: &str| {
        let call = app.post(path).by(&person).header("Idempotency-Key", "once").json(json!({}));
        let answer = call.send().await.expect(200);
        assert!(answer.header("idempotent-replayed").is_empty());
        answer.json
    };

    let secrets = [ask("/me/second-factor/").await, ask("/me/second-factor/").await];
    app.enrol(&person).await;
    let path = "/me/second-factor/recovery-codes/";
    let codes = [ask(path).await, ask(path).await];

    assert_ne!(secrets[0]["secret"], secrets[1]["secret"]);
    assert_ne!(codes[0]["recovery_codes"], codes[1]["recovery_codes"]);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys")
        .fetch_one(&app.pool())
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn neither_secret_nor_recovery_codes_stand_in_the_database_in_clear() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let begun = begin(&app, &person).await.expect(200).json;
    let secret = begun["secret"].as_str().unwrap();
    let bytes = totp_rs::Secret::try_from_base32(secret).unwrap();
    let (_, codes) = app.enrol(&person).await;

    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT f::text FROM second_factors f UNION ALL SELECT c::text FROM recovery_codes c
         UNION ALL SELECT payload::text FROM events",
    )
    .fetch_all(&app.pool())
    .await
    .unwrap();

    let text = rows.join("\n");
    assert!(rows.len() > 11 && !text.contains(secret));
    assert!(!text.contains(&hex::encode(bytes.as_bytes())));
    for code in codes {
        let plain = code.replace('-', "");
        assert!(!text.contains(&plain) && !text.contains(&hex::encode(plain)));
    }
}

#[tokio::test]
async fn a_disabled_second_factor_leaves_the_password_enough_and_others_signed_out() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (mut authenticator, codes) = app.enrol(&person).await;
    let challenge = app.challenge(&person).await;
    let elsewhere = app.complete_login(&challenge, &authenticator.next().await).await.expect(200);

    app.delete("/me/second-factor/").by(&person).send().await.expect(204);

    assert_eq!(state(&app, &person).await, (false, 0));
    app.login(&person.email, &person.password).await.expect(200);
    let elsewhere = elsewhere.json["refresh"].clone();
    app.post("/token/refresh/").json(json!({"refresh": elsewhere})).send().await.expect(401);
    app.complete_login(&challenge, &codes[0]).await.expect(401);
    app.delete("/me/second-factor/").by(&person).send().await.expect(204);
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM second_factors) + (SELECT count(*) FROM recovery_codes)",
    )
    .fetch_one(&app.pool())
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn an_operator_takes_a_lost_second_factor_away_and_all_sessions_end() {
    let app = TestApp::start().await;
    let person = app.user(Role::Admin).await;
    app.enrol(&person).await;

    let reset = ["users", "reset-second-factor", "--email", &person.email, "--json"];
    let told = app.run(&reset).await.expect(0).json();

    assert_eq!(told, json!({"reset": true}));
    app.post("/token/refresh/").json(json!({"refresh": person.refresh})).send().await.expect(401);
    eventually("the access token is refused", async || {
        let answer = app.get("/me/").by(&person).send().await;
        (answer.status == 401).then_some(())
    })
    .await;
    let back = app.sign_in(&person.email, &person.password).await;
    assert_eq!(state(&app, &back).await, (false, 0));
    let actor: Value = sqlx::query_scalar(
        "SELECT (metadata -> 'actor')::jsonb FROM events WHERE event_type = 'SecondFactorReset'",
    )
    .fetch_one(&app.pool())
    .await
    .unwrap();
    assert_eq!(actor, json!({"system": "operator"}));
    let unknown = ["users", "reset-second-factor", "--email", "nobody@example.com"];
    assert!(app.run(&unknown).await.expect(1).stderr.contains("no account has this"));
}

#[tokio::test]
async fn nobody_else_sees_or_sets_a_second_factor() {
    let app = TestApp::start().await;
    let (admin, person) = (app.user(Role::Admin).await, app.user(Role::EndUser).await);
    app.enrol(&person).await;
    let path = format!("/users/{}/", person.id);

    let seen = app.get(&path).by(&admin).send().await.expect(200).json;
    let set = app.patch(&path).by(&admin).json(json!({"second_factor": false})).send().await;

    assert!(!seen.to_string().contains("factor"), "{seen}");
    assert_eq!(set.expect(400).wrong(), ["second_factor"]);
    app.challenge(&person).await;
}

#[tokio::test]
async fn a_person_is_told_by_mail_that_their_second_factor_changed() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;

    app.enrol(&person).await;

    assert!(app.mail_to(&person.email).await.contains("second factor of your account was set up"));
}
