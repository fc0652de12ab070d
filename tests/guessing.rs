//! Passwords: guessed at, by few and by many, and hashed again; and mails that anybody can ask for.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Role;
use futures::StreamExt;
use reqwest::Client;
use serde_json::json;

use crate::support::{Answer, Call, Person, TestApp};

/// Guesses under way at once.
const AT_ONCE: usize = 48;

/// Somebody who calls from another address of this machine.
fn from(address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    let rest = Duration::from_secs(3);
    let client = Client::builder().local_address(address).no_proxy().pool_idle_timeout(rest);
    client.build().unwrap()
}

async fn login(app: &TestApp, client: &Client, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    Call::new(client, "POST", &app.url("/login/")).json(body).send().await
}

/// How many passwords were really compared with a hash.
async fn verified(app: &TestApp) -> u32 {
    let metrics = app.get("/metrics").send().await.expect(200);
    let text = String::from_utf8(metrics.bytes).unwrap();
    let counts = ["right", "wrong"].map(|outcome| {
        let name = format!("vetted_password_checks_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    });
    counts.iter().sum()
}

fn cores() -> u32 {
    u32::try_from(std::thread::available_parallelism().map_or(2, usize::from)).unwrap()
}

/// Guesses in vain; how many were answered at all as wrong.
async fn guess(app: &TestApp, client: &Client, person: &Person, guesses: u32) -> u32 {
    let answers = (0..guesses).map(|guess| async move {
        login(app, client, &person.email, &format!("guess no. {guess}")).await.status
    });
    let statuses: Vec<u16> =
        futures::stream::iter(answers).buffer_unordered(AT_ONCE).collect().await;
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    u32::try_from(statuses.iter().filter(|status| **status == 401).count()).unwrap()
}

#[tokio::test]
async fn of_ten_thousand_guesses_a_few_are_verified_and_the_honest_get_in_meanwhile() {
    // What is counted is what reaches the passwords.
    let app = TestApp::start_with(&[("RATE_LIMITS", "off")]).await;
    let person = app.user(Role::EndUser).await;
    let (attacker, elsewhere) = (from("127.0.0.2"), from("127.0.0.3"));
    let (before, begun) = (verified(&app).await, Instant::now());

    let mut wrong = guess(&app, &attacker, &person, 5_000).await;
    let (more, known, new) = tokio::join!(
        guess(&app, &attacker, &person, 5_000),
        app.login(&person.email, &person.password),
        login(&app, &elsewhere, &person.email, &person.password),
    );

    wrong += more;
    known.expect(200);
    new.expect(200);
    let refused = login(&app, &attacker, &person.email, &person.password).await.expect(429);
    assert_eq!(refused.code(), "too_many_attempts");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{refused:?}");
    assert!(refused.header("ratelimit").contains(&format!("t={wait}")), "{refused:?}");
    let refilled = u32::try_from(begun.elapsed().as_secs() / 30).unwrap();
    let really = verified(&app).await - before - 2;
    assert_eq!(really, wrong);
    assert!((10..=10 + cores() + refilled).contains(&really), "{really} guesses were verified");
}

#[tokio::test]
async fn sign_ins_from_one_address_leave_room_for_those_from_others() {
    let app = TestApp::start_with(&[("RATE_LIMITS", "off")]).await;
    let person = app.user(Role::EndUser).await;
    let (flood, elsewhere) = (from("127.0.0.2"), from("127.0.0.3"));
    let register = |number: usize| {
        let body =
            json!({"email": format!("ada{number}@example.com"), "password": "three green lamps"});
        Call::new(&flood, "POST", &app.url("/register/")).json(body).send()
    };

    let flooded = futures::stream::iter((0..400).map(register)).buffer_unordered(200);
    let honest = async {
        let mut statuses = vec![];
        for _ in 0..5 {
            statuses.push(login(&app, &elsewhere, &person.email, &person.password).await.status);
        }
        statuses
    };
    let (flooded, honest) = tokio::join!(flooded.collect::<Vec<_>>(), honest);

    assert_eq!(honest, [200; 5]);
    assert!(flooded.iter().all(|answer| matches!(answer.status, 201 | 503)));
    assert!(flooded.iter().any(|answer| answer.status == 503), "it was no flood");
}

#[tokio::test]
async fn many_strangers_have_a_try_each_and_lock_nobody_out() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (before, begun) = (verified(&app).await, Instant::now());

    for _ in 0..3 {
        let guesses = (1..=200).map(|last| {
            let (app, person) = (&app, &person);
            async move { guess(app, &from(&format!("127.0.1.{last}")), person, 1).await }
        });
        futures::stream::iter(guesses).buffer_unordered(16).collect::<Vec<_>>().await;
    }

    let really = verified(&app).await - before;
    // 100 together and one more every 3 seconds, and then one each: without that it would be 600.
    let refilled = u32::try_from(begun.elapsed().as_secs() / 3).unwrap();
    assert!((200..300 + refilled).contains(&really), "{really} guesses were verified");
    app.login(&person.email, "a slip of the finger").await.expect(401);
    app.login(&person.email, &person.password).await.expect(200);
    let abroad = from("127.0.2.1");
    login(&app, &abroad, &person.email, &person.password).await.expect(200);
}

#[tokio::test]
async fn the_addresses_of_an_ipv6_network_have_one_budget() {
    let app = TestApp::start_with(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let person = app.user(Role::EndUser).await;
    let guess_from = async |address: &str| {
        let wrong = json!({"email": person.email, "password": "wrong"});
        app.post("/login/").header("X-Forwarded-For", address).json(wrong).send().await
    };

    for last in 0..10 {
        guess_from(&format!("2001:db8:1:2::{last}")).await.expect(401);
    }

    guess_from("2001:db8:1:2:ffff::9").await.expect(429);
    guess_from("2001:db8:1:3::9").await.expect(401);
}

#[tokio::test]
async fn replicas_share_the_count_and_restarts_keep_it() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let replica = app.replica().await;
    for _ in 0..5 {
        app.login(&person.email, "wrong").await.expect(401);
        let wrong = json!({"email": person.email, "password": "wrong"});
        app.request_to(&replica, "POST", "/login/").json(wrong).send().await.expect(401);
    }

    app.login(&person.email, &person.password).await.expect(429);
    app.restart().await;

    app.login(&person.email, &person.password).await.expect(429);
    let other = app.program.run_with(
        "a lamp in every window",
        &["users", "create", "--email", "other@example.com", "--role", "STAFF", "--password-stdin"],
    );
    other.await.expect(0);
    app.login("other@example.com", "a lamp in every window").await.expect(200);
}

#[tokio::test]
async fn who_took_over_a_session_cannot_guess_the_password_for_long() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let change = async |current: &str| {
        let body = json!({"current_password": current, "new_password": "a lamp in every window"});
        app.post("/password/change/").by(&person).json(body).send().await
    };

    for _ in 0..10 {
        change("wrong").await.expect(400);
    }

    assert_eq!(change(&person.password).await.expect(429).code(), "too_many_attempts");
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_made_anew_at_login() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let stored = async || -> String {
        let hash = "SELECT hash FROM credentials WHERE user_id = $1::uuid";
        sqlx::query_scalar(hash).bind(&person.id).fetch_one(&app.pool()).await.unwrap()
    };
    let now = stored().await;
    assert!(now.contains("m=19456,t=2,p=1"), "{now}");
    let weaker =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
    let weak: argon2::PasswordHash = weaker.hash_password(person.password.as_bytes()).unwrap();
    sqlx::query("UPDATE credentials SET hash = $1 WHERE user_id = $2::uuid")
        .bind(weak.to_string())
        .bind(&person.id)
        .execute(&app.pool())
        .await
        .unwrap();

    app.login(&person.email, "wrong").await.expect(401);
    assert_eq!(stored().await, weak.to_string());
    app.login(&person.email, &person.password).await.expect(200);

    let rehashed = stored().await;
    assert!(rehashed.contains("m=19456,t=2,p=1") && rehashed != now, "{rehashed}");
    app.login(&person.email, &person.password).await.expect(200);
    assert_eq!(stored().await, rehashed);
}

#[tokio::test]
async fn an_address_gets_a_few_mails_in_a_row_from_all_replicas_and_nobody_is_told() {
    let app = TestApp::start().await;
    let (person, replica) = (app.user(Role::EndUser).await, app.replica().await);
    let ask = async |times: u32| {
        for _ in 0..times {
            for call in
                [app.post("/password/reset/"), app.request_to(&replica, "POST", "/password/reset/")]
            {
                call.json(json!({"email": person.email})).send().await.expect(202);
            }
        }
        let asked = "SELECT count(*) FROM events WHERE event_type = 'PasswordResetRequested'";
        sqlx::query_scalar::<_, i64>(asked).fetch_one(&app.pool()).await.unwrap()
    };

    // One kind of mail takes nothing from another.
    for _ in 0..7 {
        let body = json!({"email": person.email, "password": "three green lamps"});
        app.post("/register/").json(body).send().await.expect(201);
    }
    let noted = "SELECT count(*) FROM events WHERE event_type = 'RegistrationRepeated'";
    let noted: i64 = sqlx::query_scalar(noted).fetch_one(&app.pool()).await.unwrap();
    assert_eq!(noted, 5);
    assert_eq!(ask(2).await, 4);
    assert_eq!(ask(3).await, 5);
    let later = "UPDATE attempts SET until = until - interval '10 minutes'";
    sqlx::query(later).execute(&app.pool()).await.unwrap();
    assert_eq!(ask(1).await, 6);
    let other = app.user(Role::EndUser).await;
    app.post("/password/reset/").json(json!({"email": other.email})).send().await.expect(202);
    assert_eq!(ask(0).await, 7);
}
