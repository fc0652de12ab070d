//! Records of erasures outside the database, and what a database that does not know of them does.

use std::fs;
use std::time::SystemTime;

use domain::Role;
use pool::PgPool;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Past, Place, is_forgotten, person_of};
use crate::support::program::Program;
use crate::support::{Bucket, Proxy, TestApp, TestDatabase};

const AGAIN: &str = "persons were erased again";

async fn count(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}

async fn erasures(pool: &PgPool) -> i64 {
    count(pool, "SELECT count(*) FROM events WHERE event_type = 'PersonErased'").await
}

fn warnings(app: &TestApp) -> usize {
    app.stderr().lines().filter(|line| line.contains(AGAIN)).count()
}

/// Somebody who was erased, and the database as it was before that.
struct Erased {
    place: Place,
    app: TestApp,
    past: Past,
    backup: TestDatabase,
}

impl Erased {
    async fn since_a_backup() -> Self {
        let place = Place::new();
        let mut app = place.app().await;
        let past = Past::of(&app).await;
        app.kill();
        let backup = app.copy_of_database().await;
        app.restart().await;
        app.erase(&past.seller).await;
        Self { place, app, past, backup }
    }
}

#[tokio::test]
async fn a_restored_database_erases_a_person_again_before_it_serves_and_says_so() {
    let Erased { place, app, past, backup } = Erased::since_a_backup().await;
    is_forgotten(&app, &past).await;

    let mut restored = place.app_on(backup, &[]).await;

    assert_eq!(warnings(&restored), 1, "{}", restored.stderr());
    assert!(restored.stderr().lines().any(|l| l.contains(AGAIN) && l.contains("persons=1")));
    is_forgotten(&restored, &past).await;
    assert_eq!(erasures(&restored.pool()).await, 1);
    restored.restart().await;
    assert_eq!((warnings(&restored), erasures(&restored.pool()).await), (1, 1));
    restored.finish().await;
}

#[tokio::test]
async fn neither_an_api_nor_a_worker_serves_before_the_erasure_and_it_is_carried_out_once() {
    let Erased { place, app: _app, backup, .. } = Erased::since_a_backup().await;
    let second = backup.copy().await;

    for (backup, subcommand) in [backup, second].into_iter().zip(["api", "worker"]) {
        let restored = place.app_on(backup, &[subcommand]).await;

        // It has announced itself, and no other process has run.
        assert_eq!(erasures(&restored.pool()).await, 1, "{subcommand}");
        assert_eq!(warnings(&restored), 1, "{}", restored.stderr());
        let _others = tokio::join!(restored.replica(), restored.replica());
        assert_eq!(erasures(&restored.pool()).await, 1, "{subcommand}");
        restored.finish().await;
    }
}

#[tokio::test]
async fn processes_that_start_together_on_a_restored_database_erase_once() {
    let Erased { place, app: _app, backup, .. } = Erased::since_a_backup().await;
    let mut program =
        Program::new(&[("DATABASE_URL", backup.url.as_str()), ("BIND", "127.0.0.1:0")]);
    let nats = crate::support::broker::url();
    program.set("NATS_URL", &nats);
    for (name, value) in place.variables() {
        program.set(name, &value);
    }

    let _served =
        tokio::join!(program.serve(&["api"]), program.serve(&["api"]), program.serve(&["api"]));

    assert_eq!(erasures(&backup.pool().await).await, 1);
    program.run(&["projections", "verify"]).await.expect(0);
}

#[tokio::test]
async fn a_record_names_the_person_and_the_moment_and_nothing_else() {
    let place = Place::new();
    let app = place.app().await;
    let past = Past::of(&app).await;

    app.erase(&past.seller).await;

    let records = place.records();
    assert_eq!(
        records.iter().map(|record| person_of(record)).collect::<Vec<_>>(),
        [&*past.seller.id]
    );
    let record: Value = serde_json::from_slice(&fs::read(&records[0]).unwrap()).unwrap();
    let members: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        (members, &record["person"]),
        (vec!["at", "person", "proof"], &json!(past.seller.id))
    );
}

#[tokio::test]
async fn no_erasure_is_acknowledged_without_its_record() {
    let bucket = Bucket::serve().await;
    let (proxy, address) = Proxy::before_server(bucket.address()).await;
    let app = bucket.app(&[("AWS_ENDPOINT", &format!("http://{address}"))]).await;
    let past = Past::of(&app).await;
    let of_erasures = || -> Vec<_> {
        bucket.objects().into_iter().filter(|name| name.starts_with("erasures/")).collect()
    };

    proxy.close();
    let refused = app.delete("/me/").by(&past.seller).send().await;

    let refused = crate::refusal::refused(refused, 503, "not_ready");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    assert_eq!((erasures(&app.pool()).await, of_erasures()), (0, vec![]));
    app.get("/me/").by(&past.seller).send().await.expect(200);
    assert_eq!(app.see(&past.seller, &past.approved).await["status"], "APPROVED");
    proxy.open();
    let seller = app.sign_in(&past.seller.email, &past.seller.password).await;
    app.erase(&seller).await;
    let expected = format!("erasures/{}.", seller.id);
    assert!(of_erasures().iter().all(|name| name.starts_with(&expected)), "{:?}", of_erasures());
    assert_eq!(of_erasures().len(), 1);
    app.run(&["worker", "sweep", "--older-than", "0"]).await.expect(0);
    assert_eq!(of_erasures().len(), 1);
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_after_its_record_is_completed_by_the_next_start() {
    let place = Place::new();
    let mut app = place.app().await;
    let past = Past::of(&app).await;
    // As PostgreSQL says that its disk is full.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE disk_full; END';
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
            WHEN (NEW.event_type = 'ErasureRequested') EXECUTE FUNCTION refuse()",
    )
    .execute(&app.pool())
    .await
    .unwrap();
    let cut = app.delete("/me/").by(&past.seller).send().await;
    crate::refusal::refused(cut, 503, "not_ready");
    assert_eq!((place.records().len(), erasures(&app.pool()).await), (1, 0));

    app.kill();
    sqlx::raw_sql("DROP FUNCTION refuse CASCADE").execute(&app.pool()).await.unwrap();
    app.restart().await;

    assert_eq!(warnings(&app), 1, "{}", app.stderr());
    is_forgotten(&app, &past).await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_erasure_leaves_no_record_that_would_erase_later() {
    let place = Place::new();
    let app = place.app().await;
    let admins = [app.user(Role::Admin).await, app.user(Role::Admin).await];

    let erase = |admin| app.delete("/me/").by(admin).send();
    let answers = tokio::join!(erase(&admins[0]), erase(&admins[1]));

    let mut codes = [answers.0.status, answers.1.status];
    codes.sort_unstable();
    assert_eq!(codes, [204, 409], "{answers:?}");
    let erased = if answers.0.status == 204 { &admins[0] } else { &admins[1] };
    let recorded: Vec<_> = place.records().iter().map(|record| person_of(record)).collect();
    assert_eq!(recorded, [&*erased.id]);
}

#[tokio::test]
async fn a_record_that_this_database_has_not_written_erases_nobody() {
    let place = Place::new();
    let mut app = place.app().await;
    let past = Past::of(&app).await;
    app.erase(&past.seller).await;
    let (genuine, staff) = (fs::read_to_string(&place.records()[0]).unwrap(), &past.staff);
    let forged = [
        genuine.clone(),
        genuine.replace(&past.seller.id, &staff.id),
        "{}".to_owned(),
        String::new(),
        "x".repeat(1 << 20),
    ];
    for content in &forged {
        let name = format!("{}.{}", staff.id, Uuid::now_v7());
        fs::write(place.media().join("erasures").join(name), content).unwrap();
    }
    fs::write(place.media().join("erasures/readme.txt"), "The operator's own.").unwrap();

    app.restart().await;

    app.sign_in(&staff.email, &staff.password).await;
    assert_eq!((warnings(&app), erasures(&app.pool()).await), (0, 1));
    let told = app.stderr();
    let told =
        told.lines().find(|line| line.contains("were not written with the keys of this database"));
    assert!(told.is_some_and(|line| line.contains("records=5")), "{}", app.stderr());
}

#[tokio::test]
async fn records_of_erasures_are_never_swept() {
    let place = Place::new();
    let app = place.app().await;
    let past = Past::of(&app).await;
    app.erase(&past.seller).await;
    let record = place.records().remove(0);
    fs::File::options()
        .write(true)
        .open(&record)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    let unfinished = place.media().join("erasures").join(format!("{}.x#1", past.staff.id));
    fs::write(&unfinished, "half").unwrap();

    let swept = app.run(&["worker", "sweep", "--older-than", "0", "--json"]).await.expect(0).json();

    assert_eq!((&swept["orphans"], &swept["temporary"]), (&json!(0), &json!(1)));
    assert_eq!(place.records(), [record]);
}

#[tokio::test]
async fn erasures_that_the_storage_does_not_know_of_are_recorded_at_the_next_start() {
    let place = Place::new();
    let mut app = place.app().await;
    let past = Past::of(&app).await;
    app.erase(&past.seller).await;
    // As of a version that wrote none, or with another storage.
    fs::remove_dir_all(place.media().join("erasures")).unwrap();

    app.restart().await;

    let recorded: Vec<_> = place.records().iter().map(|record| person_of(record)).collect();
    assert_eq!(recorded, [&*past.seller.id]);
    app.restart().await;
    assert_eq!(place.records().len(), 1);
}

#[tokio::test]
async fn an_erased_person_who_is_the_last_admin_of_a_restored_database_stops_the_start() {
    let place = Place::new();
    let mut app = place.app().await;
    let first = app.user(Role::Admin).await;
    app.kill();
    let backup = app.copy_of_database().await;
    app.restart().await;
    app.user(Role::Admin).await;
    app.erase(&first).await;
    let mut program =
        Program::new(&[("DATABASE_URL", backup.url.as_str()), ("BIND", "127.0.0.1:0")]);
    program.set("NATS_URL", &crate::support::broker::url());
    for (name, value) in place.variables() {
        program.set(name, &value);
    }

    let stopped = program.run(&["api"]).await.expect(1);

    assert!(stopped.stderr.contains("last active ADMIN of this database"), "{stopped:?}");
    assert_eq!(erasures(&backup.pool().await).await, 0);
    let create =
        ["users", "create", "--email", "new@example.com", "--role", "ADMIN", "--password-stdin"];
    program.run_with("a lamp in every window", &create).await.expect(0);
    let _serves = program.serve(&["api"]).await;
    assert_eq!(erasures(&backup.pool().await).await, 1);
}

#[tokio::test]
async fn without_the_storage_that_has_the_records_nothing_serves() {
    let bucket = Bucket::serve().await;
    let (proxy, address) = Proxy::before_server(bucket.address()).await;
    let mut app = bucket.app(&[("AWS_ENDPOINT", &format!("http://{address}"))]).await;
    app.kill();
    proxy.close();

    for subcommand in [&[][..], &["api"], &["worker"]] {
        let told = app.program.run(subcommand).await.expect(1);

        let sentence = told.stderr.lines().last().unwrap_or_default();
        assert!(sentence.starts_with("vetted: STORAGE_URL: "), "{told:?}");
    }
}
