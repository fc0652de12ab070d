//! What people see of what happened around their account.

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

async fn page(app: &TestApp, person: &Person, path: &str) -> Value {
    app.get(path).by(person).send().await.expect(200).json
}

fn kinds(page: &Value) -> Vec<&str> {
    let results = page["results"].as_array().unwrap();
    results.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sign_ins_failures_and_changes_are_listed_newest_first() {
    let app = TestApp::start().await;
    let (person, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    app.login(&person.email, "not this one").await.expect(401);
    let there = app.sign_in(&person.email, &person.password).await;
    app.post("/logout/")
        .by(&there)
        .json(json!({"refresh": there.refresh}))
        .send()
        .await
        .expect(205);
    app.enrol(&person).await;

    let listed = page(&app, &person, "/me/activity/").await;

    let expected = [
        "second_factor_enabled",
        "session_ended",
        "signed_in",
        "sign_in_failed",
        "signed_in",
        "account_activated",
        "account_registered",
    ];
    assert_eq!(kinds(&listed), expected);
    let entries = listed["results"].as_array().unwrap();
    let members: Vec<_> = entries[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["at", "client", "detail", "session", "type"]);
    assert_eq!(
        (&entries[2]["client"], &entries[2]["detail"]),
        (&json!("127.0.0.0/24"), &json!("password"))
    );
    assert_eq!(entries[1]["session"], entries[2]["session"]);
    assert!(entries[3]["session"].is_null());
    assert_eq!(kinds(&page(&app, &other, "/me/activity/").await).len(), 3);
}

#[tokio::test]
async fn pages_lead_through_all_of_it_and_back() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    for number in 0..9 {
        if number % 3 == 0 {
            let there = app.sign_in(&person.email, &person.password).await;
            let body = json!({"refresh": there.refresh});
            app.post("/logout/").by(&there).json(body).send().await.expect(205);
        }
        app.login(&person.email, "not this one").await.expect(401);
    }
    let whole = page(&app, &person, "/me/activity/?limit=100").await;
    let whole = whole["results"].as_array().unwrap();

    let (mut there, mut next) = (vec![], Some("/me/activity/?limit=4".to_owned()));
    let mut last = Value::Null;
    while let Some(path) = next {
        last = page(&app, &person, &path).await;
        there.push(last["results"].clone());
        next = last["next"].as_str().map(str::to_owned);
    }
    let mut back = vec![last["results"].clone()];
    while let Some(path) = last["previous"].as_str().map(str::to_owned) {
        last = page(&app, &person, &path).await;
        back.insert(0, last["results"].clone());
    }

    let flat = |pages: &[Value]| -> Vec<Value> {
        pages.iter().flat_map(|page| page.as_array().unwrap().clone()).collect()
    };
    assert!(whole.len() > 15 && there.len() > 3);
    assert_eq!(&flat(&there), whole);
    assert_eq!(&flat(&back), whole);
    let wrong = app.get("/me/activity/?cursor=x&limit=0&kind=y").by(&person).send().await;
    assert_eq!(wrong.expect(400).wrong(), ["cursor", "kind", "limit"]);
}

#[tokio::test]
async fn failures_push_no_sign_in_out_and_both_are_bounded() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let sql = "INSERT INTO sign_ins (user_id, type, failed)
               SELECT $1::uuid, 'sign_in_failed', true FROM generate_series(1, 300)";
    sqlx::query(sql).bind(&person.id).execute(&app.pool()).await.unwrap();

    app.login(&person.email, "not this one").await.expect(401);

    let counts = "SELECT count(*) FILTER (WHERE failed), count(*) FILTER (WHERE NOT failed)
                  FROM sign_ins WHERE user_id = $1::uuid";
    let counts: (i64, i64) =
        sqlx::query_as(counts).bind(&person.id).fetch_one(&app.pool()).await.unwrap();
    assert_eq!(counts, (100, 1));
}

#[tokio::test]
async fn sign_ins_are_forgotten_after_90_days() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let aged = "UPDATE sign_ins SET at = now() - interval '91 days' WHERE user_id = $1::uuid";
    sqlx::query(aged).bind(&person.id).execute(&app.pool()).await.unwrap();
    let there = app.sign_in(&person.email, &person.password).await;

    app.restart().await;

    crate::support::eventually("the old one is gone", async || {
        let listed = page(&app, &there, "/me/activity/").await;
        (kinds(&listed) == ["signed_in", "account_activated", "account_registered"]).then_some(())
    })
    .await;
}
