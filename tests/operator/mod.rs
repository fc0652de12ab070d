//! What an operator sees: keys that belong to a database, servers that can't be reached, and what
//! is printed.

mod doctor;
mod keys;
mod logging;
mod nothing_made;
mod printing;
mod rebuilding;
mod settings;
mod unreachable;

use std::path::Path;

use crate::support::program::{Outcome, Program};
use crate::support::{TestApp, TestDatabase};

const PASSWORD: &str = "a lamp in every window";

/// The program with a database, and nothing that serves.
async fn on_a_database() -> (Program, TestDatabase) {
    let database = TestDatabase::create().await;
    let program = on(&database);
    (program, database)
}

/// Another installation on the same database.
fn on(database: &TestDatabase) -> Program {
    Program::new(&[
        ("DATABASE_URL", database.url.as_str()),
        ("DATA_DIR", "data"),
        ("BIND", "127.0.0.1:0"),
        ("RUST_LOG", "warn"),
    ])
}

/// Makes an account at the command line.
async fn create(program: &Program, email: &str) -> Outcome {
    let words = ["users", "create", "--email", email, "--role", "STAFF", "--password-stdin"];
    program.run_with(PASSWORD, &words).await
}

/// All that lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Why the program ended, in one sentence.
#[track_caller]
fn sentence(outcome: &Outcome) -> &str {
    let sentence = outcome.stderr.strip_prefix("vetted: ");
    let sentence = sentence.unwrap_or_else(|| panic!("no sentence: {outcome:?}"));
    assert_eq!((sentence.lines().count(), outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    sentence.trim_end()
}

/// Has what a running program wrote to its log contain something.
async fn is_logged(app: &TestApp, words: &str) -> String {
    crate::support::eventually(words, async || {
        let log = app.stderr();
        log.lines().find(|line| line.contains(words)).map(str::to_owned)
    })
    .await
}
