//! What is printed for people stays in its line, and all of it can be seen.

use domain::Role;
use serde_json::json;
use uuid::Uuid;

use super::sentence;
use crate::support::TestApp;
use crate::support::program::Program;

/// A line break, a screen that is cleared (ESC and C1), a bell, and text from right to left.
const HOSTILE: &str = "Lamp\nforged\r#9 all is well\u{1b}[2J\u{9b}2J\u{7}\u{202e}\u{e0041}";

#[track_caller]
fn all_can_be_seen(text: &str) {
    let mut lines = text.lines();
    assert!(lines.all(|line| !line.contains(domain::is_hidden)), "{text:?}");
}

#[tokio::test]
async fn a_products_history_holds_no_line_that_its_owner_made() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, HOSTILE).await;
    app.reject(&staff, &product, HOSTILE).await.expect(200);
    let replay = ["audit", "replay", "--product", &product];

    let told = app.run(&replay).await.expect(0).stdout;
    let steps = app.run(&[replay.as_slice(), &["--json"]].concat()).await.expect(0);

    all_can_be_seen(&told);
    assert!(told.contains(r"Lamp\nforged\r#9 all is well\u{1b}[2J"), "{told}");
    for line in told.lines() {
        assert!(
            line.starts_with("#1 ") || line.starts_with("#2 ") || line.starts_with("    "),
            "{line}"
        );
    }
    all_can_be_seen(&steps.stdout);
    assert_eq!(steps.json_lines().last().unwrap()["reason"], HOSTILE);
}

#[tokio::test]
async fn a_dead_letter_that_quotes_others_is_one_line() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    app.product(&seller, &category, "Lamp").await;
    let insert = "INSERT INTO dead_letters
            (id, subscriber, position, event_id, event_type, attempts, last_error)
         SELECT $1, 'video-finalizer', position, event_id, event_type, 9, $2
         FROM events WHERE event_type = 'ProductSubmitted'";
    let inserted =
        sqlx::query(insert).bind(Uuid::now_v7()).bind(HOSTILE).execute(&app.pool()).await.unwrap();
    assert_eq!(inserted.rows_affected(), 1);

    let list = app.run(&["worker", "dead-letters", "list"]).await.expect(0).stdout;
    let listed = app.run(&["worker", "dead-letters", "list", "--json"]).await.expect(0);

    all_can_be_seen(&list);
    assert_eq!(list.lines().count(), 1, "{list:?}");
    all_can_be_seen(&listed.stdout);
    assert_eq!(listed.json_lines()[0]["last_error"], HOSTILE);
}

#[tokio::test]
async fn settings_and_arguments_that_hide_something_are_printed_with_escapes() {
    let program = Program::new(&[("DATA_DIR", "data\u{1b}[2J\u{202e}"), ("BIND", "127.0.0.1:0")]);

    let list = program.run(&["config"]).await.expect(0).stdout;
    let settings = program.run(&["config", "--json"]).await.expect(0);
    let missing = program.run(&["api"]).await.expect(1);
    let misused = program.run(&["audit", "replay", "--product", HOSTILE]).await.expect(2);

    for text in [&list, &settings.stdout, &missing.stderr, &misused.stderr] {
        all_can_be_seen(text);
    }
    assert!(list.contains(r"data\u{1b}[2J\u{202e}"), "{list}");
    let settings = settings.json();
    let settings = settings.as_array().unwrap();
    let folder = settings.iter().find(|setting| setting["variable"] == "DATA_DIR").unwrap();
    assert_eq!(folder["value"], "data\u{1b}[2J\u{202e}");
    assert_eq!(misused.stderr.lines().count(), 1, "{misused:?}");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let product = app.product(&seller, &category, "Lamp").await;

    for arguments in [
        &["audit", "replay", "--product", &product][..],
        &["audit", "replay", "--product", &product, "--json"],
        &["projections", "verify"],
        &["projections", "verify", "--json"],
        &["projections", "rebuild", "users"],
        &["worker", "dead-letters", "list"],
        &["worker", "sweep"],
        &["migrate"],
        &["demo", "--products", "1", "--yes"],
        &["keys", "rotate"],
        &["config"],
        &["config", "--json"],
        &["--help"],
    ] {
        let ended = app.program.run_without_reader(arguments).await.expect(0);

        assert_eq!(ended.stderr, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn a_wrong_argument_is_told_in_one_sentence_without_the_words_of_a_library() {
    let program = Program::new(&[]);
    let id = "an id such as 01939c5e-7a3b-7c4d-8e5f-0123456789ab is expected";
    let count = "a whole number such as 100 is expected";
    for (arguments, expected) in [
        (&["audit", "replay", "--product", "x"][..], id),
        (&["worker", "dead-letters", "retry", "0198"], id),
        (&["demo", "--products", "many"], count),
        (&["worker", "sweep", "--older-than", "1.5"], count),
        (
            &["worker", "sweep", "--older-than", "18446744073709551615"],
            "at most 31536000000 seconds are allowed",
        ),
    ] {
        let told = program.run(arguments).await.expect(2);

        let first = told.stderr.lines().next().unwrap_or_default();
        assert!(first.ends_with(expected), "{told:?}");
        assert_eq!(told.stdout, "");
    }
}

#[tokio::test]
async fn made_up_data_are_not_added_to_the_accounts_of_people_unless_told_so() {
    let app = TestApp::start().await;
    app.user(Role::EndUser).await;
    let people = async || -> i64 {
        let people = "SELECT count(*) FROM users";
        sqlx::query_scalar(people).fetch_one(&app.pool()).await.unwrap()
    };

    let refused = app.run(&["demo", "--products", "1"]).await.expect(1);
    let before = people().await;
    let made = app.run(&["demo", "--products", "1", "--yes", "--json"]).await.expect(0).json();

    assert!(sentence(&refused).contains("--yes"), "{refused:?}");
    assert_eq!((before, people().await), (1, 3));
    assert_eq!(made["products"], json!(1));
}
