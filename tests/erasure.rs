//! Personal data: sealed in the log, gone with the person, readable through a rotation.

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Call, Person, TestApp, eventually};

const REASON: &str = "The canary reason: too yellow.";

/// A seller with a rejected product, an order of somebody else's, and a mail of each kind.
async fn a_person_with_a_past(app: &TestApp) -> (Person, String, String) {
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let other = app.user(Role::EndUser).await;
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    app.reject(&staff, &product, REASON).await.expect(200);
    let listed = app.approved_product(&other, &staff, &category).await;
    let order = app.order(&seller, &[listed]).await;
    (seller, product, order)
}

/// All that the log holds, as text.
async fn log(app: &TestApp) -> String {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT payload::text || metadata::text FROM events ORDER BY position")
            .fetch_all(&app.pool())
            .await
            .unwrap();
    rows.join("\n")
}

async fn reasons(app: &TestApp, person: &Person, product: &str) -> Vec<Value> {
    let path = format!("/products/{product}/moderation/");
    let timeline = app.get(&path).by(person).send().await.expect(200).json;
    let entries = timeline["results"].as_array().unwrap();
    entries.iter().map(|entry| entry["reason"].clone()).collect()
}

#[tokio::test]
async fn neither_addresses_nor_reasons_stand_in_the_log_in_clear() {
    let app = TestApp::start().await;
    let (seller, product, _) = a_person_with_a_past(&app).await;
    let new = json!({"email": "canary-address@example.com"});
    app.patch("/me/").by(&seller).json(new).send().await.expect(200);

    let log = log(&app).await;

    let local = seller.email.split('@').next().unwrap();
    for canary in [local, "canary-address", "canary reason"] {
        assert!(!log.contains(canary), "{canary} stands in the log");
        assert!(!app.stderr().contains(canary), "{canary} stands in the program's log");
    }
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0);
    assert!(replay.stdout.contains(REASON), "{replay:?}");
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    app.finish().await;
}

#[tokio::test]
async fn a_person_who_asks_to_be_forgotten_is() {
    let app = TestApp::start().await;
    let (seller, product, order) = a_person_with_a_past(&app).await;
    let admin = app.user(Role::Admin).await;

    app.erase(&seller).await;

    app.get("/me/").by(&seller).send().await.expect(401);
    let refresh = json!({"refresh": seller.refresh});
    app.post("/token/refresh/").json(refresh).send().await.expect(401);
    app.login(&seller.email, &seller.password).await.expect(401);
    let path = format!("/users/{}/", seller.id);
    let account = app.get(&path).by(&admin).send().await.expect(200).json;
    assert_eq!((&account["email"], &account["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!(app.see(&admin, &product).await["status"], "CANCELLED");
    let path = format!("/orders/{order}/");
    assert_eq!(app.get(&path).by(&admin).send().await.expect(200).json["status"], "CANCELLED");
    assert!(reasons(&app, &admin, &product).await.iter().all(Value::is_null));
    let replay = app.run(&["audit", "replay", "--product", &product]).await.expect(0);
    assert!(replay.stdout.contains("ProductRejected") && !replay.stdout.contains("yellow"));

    let again = json!({"email": seller.email, "password": seller.password});
    app.post("/register/").json(again).send().await.expect(201);
    eventually("an activation mail to the address that is free again", async || {
        app.mail_to(&seller.email).await.contains("/activate/").then_some(())
    })
    .await;
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &admin, &product).await.iter().all(Value::is_null));
    app.finish().await;
}

/// The mails in the program's folder, finished or not, that have a text in them, by name.
fn mails_with(app: &TestApp, text: &str) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(app.data_dir().join("mail")) else { return vec![] };
    let files = folder.map(|entry| entry.unwrap().path());
    let has = |path: &std::path::PathBuf| {
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).contains(text)
    };
    files.filter(has).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn mails_of_an_erased_person_go_with_them_and_those_of_others_stay() {
    let mut app = TestApp::start().await;
    let (seller, _, _) = a_person_with_a_past(&app).await;
    let other = app.user(Role::EndUser).await;
    for person in [&seller, &other] {
        let reset = json!({"email": person.email});
        app.post("/password/reset/").json(reset).send().await.expect(202);
    }
    let new = "canary-elsewhere@example.com";
    app.patch("/me/").by(&seller).json(json!({"email": new})).send().await.expect(200);
    app.mails_to(&seller.email, 2).await;
    app.mail_to(new).await;
    app.mail_to(&other.email).await;

    app.erase(&seller).await;

    eventually("the person's mails are gone", async || {
        let left = [mails_with(&app, &seller.email), mails_with(&app, new)].concat();
        left.is_empty().then_some(())
    })
    .await;
    assert!(!mails_with(&app, &other.email).is_empty());
    assert!(!app.stderr().contains(&seller.email));
    app.restart().await;
    assert!(!mails_with(&app, &other.email).is_empty());
}

#[tokio::test]
async fn mails_that_an_earlier_version_or_another_machine_wrote_go_as_well() {
    let mut app = TestApp::start().await;
    let (gone, other) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
    for person in [&gone, &other] {
        let reset = json!({"email": person.email});
        app.post("/password/reset/").json(reset).send().await.expect(202);
        app.mail_to(&person.email).await;
    }
    let kept: Vec<_> = [&gone, &other].map(|person| mails_with(&app, &person.email)).concat();
    let texts: Vec<_> = kept.iter().map(|name| read_mail(&app, name)).collect();
    app.erase(&gone).await;
    eventually("the handled mail is gone", async || {
        mails_with(&app, &gone.email).is_empty().then_some(())
    })
    .await;
    // As found in the folder of another machine: by a name without a person, half written, or
    // with the person in its name.
    for (name, text) in kept.iter().zip(texts) {
        let (old, _) = name.rsplit_once(".eml").unwrap().0.split_at(24 + 36);
        for name in [format!("{old}.eml"), format!(".{name}.new"), name.clone()] {
            std::fs::write(app.data_dir().join("mail").join(name), &text).unwrap();
        }
    }
    std::fs::write(app.data_dir().join("mail/notes.txt"), "The operator's own.").unwrap();

    let swept = app.run(&["worker", "sweep", "--json"]).await.expect(0).json();

    assert_eq!(swept["mails"], 2, "the one by event took the name of the one with the person");
    assert_eq!(mails_with(&app, &gone.email), Vec::<String>::new());
    assert_eq!(mails_with(&app, &other.email).len(), 2);
    assert!(app.data_dir().join("mail/notes.txt").exists());
    app.restart().await;
    assert_eq!(mails_with(&app, &other.email).len(), 2);
}

fn read_mail(app: &TestApp, name: &str) -> Vec<u8> {
    std::fs::read(app.data_dir().join("mail").join(name)).unwrap()
}

#[tokio::test]
async fn what_an_erased_person_typed_into_headers_is_nowhere() {
    let app = TestApp::start_with(&[("RUST_LOG", "debug")]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let film = crate::support::video::mp4();
    let form = crate::support::video_form(&category, film);
    let post = app.post("/products/").by(&seller).multipart(form);
    let headers = ["x-request-id", "user-agent", "referer", "from"];
    let with_headers = |call: Call, key| {
        let call = call.header("idempotency-key", key);
        headers.iter().fold(call, |call, name| call.header(name, "canary@example.com"))
    };
    let made = with_headers(post, "canary@example.com").send().await.expect(201);
    let metadata = "name bGFtcC5tcDQ=,owner Y2FuYXJ5QGV4YW1wbGUuY29t,canary";
    let upload = app.post("/uploads/").by(&seller).header("tus-resumable", "1.0.0");
    let upload = upload.header("upload-length", "5").header("upload-metadata", metadata);
    with_headers(upload, "canary@example.org").send().await.expect(201);
    app.processed(&seller, made.json["id"].as_str().unwrap()).await;

    app.erase(&seller).await;

    let text = log(&app).await;
    assert!(!text.contains("canary"), "{text}");
    let said = app.stderr();
    let told = said.lines().find(|line| line.contains("canary"));
    assert_eq!(told, None);
    for message in app.messages().await {
        assert!(!message.contains("canary"), "{message}");
    }
    for (table, text) in tables(&app).await {
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "{table}: {text}");
    }
}

/// Every table's rows as text.
async fn tables(app: &TestApp) -> Vec<(String, String)> {
    let pool = app.pool();
    let names = "SELECT relname::text FROM pg_class WHERE relkind = 'r'
        AND relnamespace = 'public'::regnamespace";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&pool).await.unwrap();
    let mut tables = vec![];
    for name in names {
        let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {name} t");
        tables.push((name, sqlx::query_scalar(&rows).fetch_one(&pool).await.unwrap()));
    }
    tables
}

#[tokio::test]
async fn no_request_fails_while_the_keys_rotate() {
    let app = TestApp::start().await;
    let (seller, product, _) = a_person_with_a_past(&app).await;
    let wrapping = async || -> Vec<String> {
        let keys = "SELECT DISTINCT wrapping_key FROM person_keys";
        sqlx::query_scalar(keys).fetch_all(&app.pool()).await.unwrap()
    };
    let before = wrapping().await;

    let rotated = async { app.run(&["keys", "rotate"]).await.expect(0) };
    let used = async {
        for number in 0..60 {
            let email = format!("rotating-{number}@example.com");
            let body = json!({"email": email, "password": "a lamp in every window"});
            app.post("/register/").json(body).send().await.expect(201);
            assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
        }
    };
    tokio::join!(rotated, used);

    let after = wrapping().await;
    assert!(after.iter().any(|key| !before.contains(key)), "{before:?} {after:?}");
    app.run(&["projections", "rebuild"]).await.expect(0);
    assert!(reasons(&app, &seller, &product).await.contains(&json!(REASON)));
    assert!(app.mail_to("rotating-59@example.com").await.contains("/activate/"));
    app.finish().await;
}
