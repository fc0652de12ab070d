//! `vetted doctor` says what is wrong, and what to do about it.

use domain::Role;

use crate::support::TestApp;
use crate::support::program::Outcome;

/// What it found of a part.
#[track_caller]
fn found(looked: &Outcome, part: &str) -> (bool, String) {
    let findings = looked.json();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["part"] == part);
    let finding = finding.unwrap_or_else(|| panic!("nothing of {part}: {looked:?}"));
    (finding["ok"] == true, finding["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn where_nothing_is_wrong_the_doctor_says_so_of_each_part() {
    let app = TestApp::start().await;

    let looked = app.run(&["doctor", "--json"]).await.expect(0);

    for part in [
        "secrets",
        "disk",
        "mail",
        "scanner",
        "video tools",
        "database",
        "connections",
        "schema",
        "role",
        "relay",
        "work",
        "dead letters",
        "database room",
        "broker",
        "storage",
        "clock",
        "rebuilds",
        "read models",
    ] {
        let (ok, detail) = found(&looked, part);
        assert!(ok, "{part}: {detail}");
    }
    let told = app.run(&["doctor", "--quick"]).await.expect(0);
    assert!(told.stdout.lines().all(|line| line.starts_with("ok ")), "{told:?}");
    assert!(!told.stdout.contains("read models"), "{told:?}");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    app.product(&seller, &category, "Lamp").await;
    let pool = app.pool();
    sqlx::query("UPDATE products SET name = 'Chair'").execute(&pool).await.unwrap();

    let nowhere = ("SMTP_URL", "smtp://127.0.0.1:1");
    let looked = app.run_with_variable(nowhere.0, nowhere.1, &["doctor", "--json"]).await.expect(1);

    let (ok, detail) = found(&looked, "read models");
    assert!(!ok && detail.contains("products") && detail.contains("rebuild"), "{detail}");
    let (ok, detail) = found(&looked, "mail");
    assert!(!ok && detail.contains("SMTP_URL: connection refused at 127.0.0.1:1"), "{detail}");
    assert!(found(&looked, "database").0);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_a_finding_among_others() {
    let app = TestApp::start().await;

    let nowhere = ("DATABASE_URL", "postgres://vetted@127.0.0.1:1/vetted");
    let looked = app.run_with_variable(nowhere.0, nowhere.1, &["doctor", "--json"]).await.expect(1);

    let (ok, detail) = found(&looked, "database");
    assert!(!ok && detail.contains("connection refused"), "{detail}");
    assert!(found(&looked, "video tools").0);
}
