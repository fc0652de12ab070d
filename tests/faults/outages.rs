//! While a part is down every request is told so, and when to try again; then all is as before.

use domain::Role;
use pool::PgPool;
use serde_json::json;

use crate::payload::Client;
use crate::refusal::refused;
use crate::support::{
    Answer, Bucket, Proxy, TestApp, TestDatabase, clock, eventually, video, video_form,
};

/// 503 with `Retry-After`, as for everything that passes by itself.
#[track_caller]
pub(super) fn passing(answer: Answer) -> Answer {
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    refused(answer, 503, "not_ready")
}

/// `/readyz` says that this part is down, and no other of these does.
pub(super) async fn readiness_names(app: &TestApp, part: &str) {
    eventually(part, async || {
        let answer = app.get("/readyz").send().await;
        (answer.status == 503 && answer.json["errors"][part].is_array()).then_some(())
    })
    .await;
}

pub(super) async fn is_ready_again(app: &TestApp) {
    eventually("every part is there", async || {
        (app.get("/readyz").send().await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_of_and_named() {
    let database = TestDatabase::create().await;
    let (proxy, url) = Proxy::before_database(&database.serving_url).await;
    let app = TestApp::start_on(database, &[], &[("DATABASE_URL", &url)]).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let body = json!({"name": "Chair", "category_id": category});

    proxy.close();

    for path in [format!("/products/{product}/"), "/products/".to_owned(), "/orders/".to_owned()] {
        passing(app.get(&path).by(&staff).send().await);
    }
    for key in [None, Some("while-it-is-gone")] {
        let mut call = app.post("/products/").by(&seller).json(body.clone());
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        passing(call.send().await);
    }
    let login = json!({"email": "ada@example.com", "password": "a lamp in every window"});
    passing(app.post("/login/").json(login).send().await);
    readiness_names(&app, "database").await;

    proxy.open();
    is_ready_again(&app).await;
    let create = app.post("/products/").by(&seller).json(body);
    create.header("idempotency-key", "while-it-is-gone").send().await.expect(201);
    let listed = app.get("/products/").by(&seller).send().await.expect(200);
    assert_eq!(listed.ids().len(), 2);
}

#[tokio::test]
async fn an_encrypted_request_is_told_that_the_database_hangs_and_holds_up_none_after_it() {
    let database = TestDatabase::create().await;
    let (proxy, url) = Proxy::before_database(&database.serving_url).await;
    let app = TestApp::start_on(database, &[], &[("DATABASE_URL", &url)]).await;
    let staff = app.user(Role::Staff).await;
    let client = Client::of(&app).await;
    let create = |name: &str| {
        let body = client.seal("POST", "/categories/", &json!({ "name": name }));
        app.post("/categories/").by(&staff).json(body)
    };
    create("Lamps").send().await.expect(201);

    proxy.freeze();

    passing(create("Chairs").send().await);

    proxy.open();
    eventually("the next one is carried out", async || {
        (create("Tables").send().await.status == 201).then_some(())
    })
    .await;
}

/// The database answers, and takes nothing; what was connected has to connect again.
async fn takes_nothing(pool: &PgPool, takes_nothing: bool) {
    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(pool).await.unwrap();
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {takes_nothing}");
    let mut changing = pool.acquire().await.unwrap();
    sqlx::raw_sql("SET default_transaction_read_only = off").execute(&mut *changing).await.unwrap();
    sqlx::raw_sql(&set).execute(&mut *changing).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'vetted'";
    sqlx::raw_sql(cut).execute(&mut *changing).await.unwrap();
}

#[tokio::test]
async fn a_database_that_only_reads_serves_reads() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let pool = app.pool();

    takes_nothing(&pool, true).await;

    eventually("it is connected again", async || {
        let answer = app.get(&format!("/products/{product}/")).by(&seller).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
    let body = json!({"name": "Chair", "category_id": category});
    passing(app.post("/products/").by(&seller).json(body.clone()).send().await);
    readiness_names(&app, "database").await;

    takes_nothing(&pool, false).await;
    is_ready_again(&app).await;
    app.post("/products/").by(&seller).json(body).send().await.expect(201);
}

#[tokio::test]
async fn a_full_disk_of_the_database_is_told_of_and_named() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let body = json!({"name": "Chair", "category_id": category});
    // As PostgreSQL says it.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE disk_full; END';
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE INSERT ON readiness FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .execute(&app.pool())
    .await
    .unwrap();

    passing(app.post("/products/").by(&seller).json(body.clone()).send().await);
    app.get("/products/").by(&seller).send().await.expect(200);
    readiness_names(&app, "database").await;

    sqlx::raw_sql("DROP FUNCTION refuse CASCADE").execute(&app.pool()).await.unwrap();
    is_ready_again(&app).await;
    app.post("/products/").by(&seller).json(body).send().await.expect(201);
}

async fn with_storage_behind_a_proxy() -> (Bucket, Proxy, TestApp) {
    let bucket = Bucket::serve().await;
    let (proxy, address) = Proxy::before_server(bucket.address()).await;
    let endpoint = format!("http://{address}");
    let app = bucket.app(&[("AWS_ENDPOINT", &endpoint)]).await;
    (bucket, proxy, app)
}

#[tokio::test]
async fn a_storage_that_is_gone_is_told_of_and_named() {
    let (_bucket, proxy, app) = with_storage_behind_a_proxy().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let film = || video_form(&category, video::mp4());
    let submit = || app.post("/products/").by(&seller).multipart(film()).send();

    proxy.close();

    passing(submit().await);
    app.get("/products/").by(&seller).send().await.expect(200);
    readiness_names(&app, "storage").await;

    proxy.open();
    is_ready_again(&app).await;
    submit().await.expect(201);
}

#[tokio::test]
async fn a_folder_of_files_that_is_gone_is_named_and_not_made_again() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product_with(&seller, &category, video::mp4()).await;
    app.processed(&seller, &product).await;
    let submit =
        || app.post("/products/").by(&seller).multipart(video_form(&category, video::mp4())).send();
    let (media, away) = (app.data_dir().join("media"), app.data_dir().join("media.away"));

    // Its disk is no longer mounted: first there is nothing, then an empty folder of the same name.
    std::fs::rename(&media, &away).unwrap();
    for _ in 0..2 {
        passing(submit().await);
        passing(app.get(&format!("/products/{product}/video/")).by(&seller).send().await);
        readiness_names(&app, "storage").await;
        assert!(std::fs::read_dir(&media).into_iter().flatten().next().is_none());
        std::fs::create_dir_all(&media).unwrap();
    }

    std::fs::remove_dir(&media).unwrap();
    std::fs::rename(&away, &media).unwrap();
    is_ready_again(&app).await;
    submit().await.expect(201);
    app.get(&format!("/products/{product}/video/")).by(&seller).send().await.expect(200);
}

#[tokio::test]
async fn a_storage_that_hangs_is_not_waited_for() {
    let (bucket, proxy, app) = with_storage_behind_a_proxy().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let submit = || {
        let form = video_form(&category, video::mp4());
        app.post("/products/").by(&seller).multipart(form).send()
    };

    proxy.freeze();

    let (submitted, ()) = tokio::join!(submit(), readiness_names(&app, "storage"));
    passing(submitted);

    proxy.open();
    is_ready_again(&app).await;
    assert!(app.get("/products/").by(&seller).send().await.expect(200).ids().is_empty());
    submit().await.expect(201);
    eventually("nothing is left of the first", async || {
        (bucket.objects().iter().filter(|name| name.starts_with("originals/")).count() <= 1)
            .then_some(())
    })
    .await;
}

/// Has the database fail that often as events are written, as if it had rolled a transaction back for another's sake.
/// The sequence is the owner's.
async fn rolls_back(pool: &PgPool, times: u32) {
    let fail = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION roll_back() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
         BEGIN
             IF nextval('failures') <= {times} THEN
                 RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
             END IF;
             RETURN NEW;
         END $body$;
         CREATE TRIGGER roll_back BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION roll_back()"
    );
    sqlx::raw_sql(&fail).execute(pool).await.unwrap();
}

#[tokio::test]
async fn what_the_database_rolled_back_is_carried_out_again() {
    let app = TestApp::start().await;
    let email = "ada@example.com";
    let body = json!({"email": email, "password": "a lamp in every window"});
    rolls_back(&app.pool(), 2).await;

    app.post("/register/").json(body).send().await.expect(201);

    app.mail_to(email).await;
    app.finish().await;
}

#[tokio::test]
async fn a_database_that_rolls_everything_back_is_no_conflict_of_the_caller() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;
    let approved = app.approved_product(&seller, &staff, &category).await;
    rolls_back(&app.pool(), u32::MAX).await;

    let register = json!({"email": "ada@example.com", "password": "a lamp in every window"});
    passing(app.post("/register/").json(register).send().await);
    passing(app.approve(&staff, &product).await);
    passing(app.try_order(&seller, &[approved]).await);
}

#[tokio::test]
async fn a_storage_that_refuses_a_clock_that_is_an_hour_off_is_told_of_and_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let show = |offset: &str| std::fs::write(file.path(), format!("{offset}\n")).unwrap();
    show("+0");
    let read = clock::read_from(file.path()).expect("libfaketime: run scripts/install check");
    let read = read.each_ref().map(|(name, value)| (*name, value.as_str()));
    let bucket = Bucket::serve().await;
    let app = bucket.app(&read).await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let submit = || {
        let form = video_form(&category, video::mp4());
        app.post("/products/").by(&seller).multipart(form).send()
    };

    show("+1h");

    readiness_names(&app, "storage").await;
    passing(submit().await);
    app.get("/products/").by(&seller).send().await.expect(200);

    show("+0");
    is_ready_again(&app).await;
    submit().await.expect(201);
}
