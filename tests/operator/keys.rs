//! A database takes the keys that it was made with, and no others.

use std::fs;
use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::Value;
use uuid::Uuid;

use super::{PASSWORD, create, on, on_a_database, sentence};
use crate::support::program::Program;
use crate::support::{TestApp, TestDatabase};

/// Every way to start the program on a database.
fn starts() -> Vec<Vec<String>> {
    let product = Uuid::now_v7();
    let words = |line: &str| line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
    [
        "",
        "api",
        "worker",
        "migrate",
        "users create --email new@example.com --role STAFF --password-stdin",
        "users reset-second-factor --email new@example.com",
        "demo --yes --products 1",
        "projections verify",
        "projections rebuild",
        &format!("audit replay --product {product}"),
        "worker dead-letters list",
        "worker dead-letters retry",
        "worker sweep",
        "keys rotate",
        "backup elsewhere",
    ]
    .map(words)
    .into()
}

/// A file of another installation.
async fn foreign_file(folder: &Path) -> PathBuf {
    let (program, _database) = on_a_database().await;
    create(&program, "foreign@example.com").await.expect(0);
    let path = folder.join("foreign.json");
    fs::copy(program.folder().join("data/secrets.json"), &path).unwrap();
    path
}

async fn check_values(database: &TestDatabase) -> i64 {
    let count = "SELECT count(*) FROM secrets_check";
    sqlx::query_scalar(count).fetch_one(&database.pool().await).await.unwrap()
}

async fn refuses(program: &Program, arguments: &[String], path: &Path) {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let refused = program.run_with(PASSWORD, &arguments).await.expect(1);
    let starts = format!("SECRETS_FILE {} ", path.display());
    assert!(sentence(&refused).starts_with(&starts), "{arguments:?}: {refused:?}");
}

#[tokio::test]
async fn with_keys_of_another_database_nothing_starts_and_no_file_is_made() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    app.kill();
    let missing = app.program.folder().join("elsewhere/secrets.json");
    let foreign = foreign_file(app.program.folder()).await;
    let content = fs::read(&foreign).unwrap();

    for path in [&missing, &foreign] {
        app.program.set("SECRETS_FILE", path.to_str().unwrap());
        for arguments in starts() {
            refuses(&app.program, &arguments, path).await;
        }
    }

    assert!(!missing.exists() && !missing.parent().unwrap().exists());
    assert_eq!(fs::read(&foreign).unwrap(), content);
    app.program.set("SECRETS_FILE", "data/secrets.json");
    app.restart().await;
    app.sign_in(&person.email, &person.password).await;
}

#[tokio::test]
async fn a_rotation_keeps_the_keys_this_databases_own() {
    let (program, _database) = on_a_database().await;
    create(&program, "ada@example.com").await.expect(0);

    for _ in 0..3 {
        program.run(&["keys", "rotate"]).await.expect(0);
    }

    create(&program, "bob@example.com").await.expect(0);
    program.run(&["projections", "verify"]).await.expect(0);
}

#[tokio::test]
async fn migrate_and_what_only_reads_make_no_keys() {
    let (program, database) = on_a_database().await;

    for arguments in
        [&["migrate"][..], &["projections", "verify"], &["worker", "dead-letters", "list"]]
    {
        program.run(arguments).await.expect(0);
    }
    program.run(&["keys", "rotate"]).await.expect(1);

    assert_eq!((check_values(&database).await, super::names(program.folder())), (0, vec![]));
    create(&program, "ada@example.com").await.expect(0);
    assert_eq!(check_values(&database).await, 1);
}

#[tokio::test]
async fn of_two_first_starts_with_files_of_their_own_one_wins_and_the_other_makes_no_file() {
    for round in 0..5 {
        let database = TestDatabase::create().await;
        let (one, other) = (on(&database), on(&database));

        let (first, second) =
            tokio::join!(create(&one, "ada@example.com"), create(&other, "bob@example.com"));

        let mut codes = [first.code, second.code];
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(1)], "{round}: {first:?} {second:?}");
        let (lost, program) = if first.code == Some(1) { (first, one) } else { (second, other) };
        assert!(sentence(&lost).starts_with("SECRETS_FILE data/secrets.json "), "{lost:?}");
        assert!(!program.folder().join("data/secrets.json").exists());
    }
}

#[tokio::test]
async fn a_database_from_before_the_check_takes_a_file_that_opens_a_persons_key_and_no_other() {
    let (mut program, database) = on_a_database().await;
    create(&program, "ada@example.com").await.expect(0);
    let foreign = foreign_file(program.folder()).await;
    let pool = database.pool().await;
    sqlx::query("DELETE FROM secrets_check").execute(&pool).await.unwrap();

    program.set("SECRETS_FILE", "nowhere.json");
    let missing = create(&program, "bob@example.com").await.expect(1);
    program.set("SECRETS_FILE", foreign.to_str().unwrap());
    let refused = create(&program, "bob@example.com").await.expect(1);
    let unread = program.run(&["projections", "verify"]).await.expect(1);

    assert!(sentence(&missing).starts_with("SECRETS_FILE nowhere.json does not exist"));
    assert!(!program.folder().join("nowhere.json").exists());
    for refused in [refused, unread] {
        assert!(sentence(&refused).contains("has other keys"), "{refused:?}");
    }
    assert_eq!(check_values(&database).await, 0);
    program.set("SECRETS_FILE", "data/secrets.json");
    create(&program, "bob@example.com").await.expect(0);
    assert_eq!(check_values(&database).await, 1);
    program.set("SECRETS_FILE", foreign.to_str().unwrap());
    create(&program, "cleo@example.com").await.expect(1);
}

#[tokio::test]
async fn a_running_program_never_takes_over_another_databases_keys() {
    let app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let (foreign, file) =
        (foreign_file(app.program.folder()).await, app.data_dir().join("secrets.json"));
    let before = app.get("/.well-known/jwks.json").send().await.expect(200).json;
    let other = TestApp::start().await;
    let stranger = other.user(Role::EndUser).await;

    fs::copy(&foreign, &file).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    // A key that it does not know has the program look at the file.
    app.get("/me/").by(&stranger).send().await.expect(401);

    super::is_logged(&app, "the keys are not changed").await;
    app.get("/me/").by(&person).send().await.expect(200);
    let after: Value = app.get("/.well-known/jwks.json").send().await.expect(200).json;
    assert_eq!(after, before);
}
