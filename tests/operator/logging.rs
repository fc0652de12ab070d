//! The log of a start, as lines for people or as JSON objects.

use serde_json::Value;

use super::is_logged;
use crate::support::TestApp;
use crate::support::program::Program;

/// Every line is a JSON object that tells what happened, and when.
#[track_caller]
fn events(lines: &str) -> Vec<Value> {
    let event = |line: &str| {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        for member in ["timestamp", "level", "target"] {
            assert!(event[member].is_string(), "no {member}: {line}");
        }
        event
    };
    lines.lines().map(event).collect()
}

#[track_caller]
fn find<'a>(events: &'a [Value], words: &str) -> &'a Value {
    let is_it = |event: &&Value| event["message"].as_str().is_some_and(|it| it.contains(words));
    events.iter().find(is_it).unwrap_or_else(|| panic!("no {words:?} in {events:#?}"))
}

#[tokio::test]
async fn with_json_every_line_of_a_program_that_serves_is_an_object() {
    let mut app = TestApp::start_with(&[
        ("LOG_FORMAT", "json"),
        ("RUST_LOG", "info"),
        ("NATS_URL", "nats://vetted:hunter2@127.0.0.1:1"),
        ("SMTP_URL", "smtp://vetted:hunter2@127.0.0.1:1"),
    ])
    .await;
    is_logged(&app, "SMTP_URL: ").await;

    let (log, said) = (app.stderr(), app.server().said().join("\n"));

    let logged = events(&log);
    let start = find(&logged, "starting the API and the workers");
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    let configuration = start["configuration"].as_str().unwrap();
    for setting in ["LOG_FORMAT=json", "DATABASE_URL=postgres://", "NATS_URL=nats://vetted:***@"] {
        assert!(configuration.contains(setting), "{configuration}");
    }
    assert_eq!(find(&logged, "NATS_URL: connection refused at")["level"], "WARN");
    let address = &events(&said);
    let url = find(address, "Vetted is at ")["url"].as_str().unwrap();
    assert_eq!(url.trim_end_matches('/'), app.url(""));
    assert!(!log.contains("hunter2") && !said.contains("hunter2"), "{log}{said}");
}

#[tokio::test]
async fn with_json_the_first_admins_password_is_a_member_of_an_object() {
    let program =
        Program::new(&[("LOG_FORMAT", "json"), ("BIND", "127.0.0.1:0"), ("DATA_DIR", "data")]);
    let server = program.serve(&[]).await;

    let said = events(&server.said().join("\n"));

    let admin = find(&said, "The first ADMIN is ");
    assert_eq!(admin["email"], "admin@vetted.example");
    assert!(admin["password"].as_str().unwrap().len() > 40);
    assert!(!program.stderr().contains(admin["password"].as_str().unwrap()));
    events(&program.stderr());
}

#[tokio::test]
async fn with_json_what_ends_the_program_is_an_object_too() {
    let json = ("LOG_FORMAT", "json");
    let nowhere = ("DATABASE_URL", "postgres://vetted@127.0.0.1:1/vetted");
    for (variables, arguments, code, words) in [
        (&[json, ("MAX_VIDEO_BYTES", "many")][..], &["api"][..], 1, "MAX_VIDEO_BYTES must be"),
        (&[json, nowhere], &["migrate"], 1, "DATABASE_URL: connection refused"),
        (&[json], &["nonsense"], 2, "nonsense"),
    ] {
        let told = Program::new(variables).run(arguments).await.expect(code);

        let told = events(&told.stderr);
        assert_eq!((told.len(), find(&told, words)["level"].as_str()), (1, Some("ERROR")));
    }
}

#[tokio::test]
async fn the_log_for_people_says_the_version_and_the_settings() {
    let app = TestApp::start_with(&[("RUST_LOG", "info")]).await;

    let log = app.stderr();

    let start = log.lines().find(|line| line.contains("starting the API and the workers"));
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    for words in [&version, "BIND=127.0.0.1:0", "DATABASE_URL=postgres://"] {
        assert!(start.is_some_and(|line| line.contains(words)), "{words}: {log}");
    }
}

#[tokio::test]
async fn links_that_lead_nowhere_are_warned_of_at_start() {
    let everywhere = [("BIND", "0.0.0.0:0")];
    let app = TestApp::start_with(&everywhere).await;
    let public = [everywhere.as_slice(), &[("PUBLIC_URL", "https://vetted.example")]].concat();
    let set = TestApp::start_with(&public).await;

    let line = is_logged(&app, "PUBLIC_URL").await;

    assert!(line.contains("http://0.0.0.0:0/, which leads nowhere"), "{line}");
    assert!(!set.stderr().contains("PUBLIC_URL"), "{}", set.stderr());
}
