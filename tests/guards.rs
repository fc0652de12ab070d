//! Rules of the design that the compiler does not know (style.md, "Guards").

mod aggregates;
mod circles;
mod errors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::TestApp;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Which crates of the workspace each of them is built on.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let built_on = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
        built_on.map(name).filter(|name| ours.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn crates_are_built_only_on_those_below_them() {
    let arrows = arrows();

    let below = |name: &str, below: &[&str]| {
        (name.to_owned(), below.iter().map(|name| (*name).to_owned()).collect())
    };
    let expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::from([
        below("domain", &[]),
        below("pool", &[]),
        below("event-log", &["domain", "pool"]),
        below("identity", &["domain", "pool", "event-log"]),
        below("commands", &["domain", "pool", "event-log", "identity"]),
        below("projections", &["domain", "pool", "event-log"]),
        below("api", &["domain", "pool", "event-log", "identity", "commands", "projections"]),
        below("workers", &["domain", "pool", "event-log", "identity", "commands", "projections"]),
        below(
            "vetted",
            &[
                "domain",
                "pool",
                "event-log",
                "identity",
                "commands",
                "projections",
                "api",
                "workers",
            ],
        ),
    ]);
    assert_eq!(arrows.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, built_on) in &arrows {
        let more: Vec<_> = built_on.difference(&expected[name]).collect();
        assert!(more.is_empty(), "{name} must not be built on {more:?}");
    }
}

/// The image is built of what `.dockerignore` lets through.
#[test]
fn the_image_gets_every_crate() {
    let let_through = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (members, _) = members.expect("the workspace's members");
    for member in members.split(',').map(|name| name.trim().trim_matches('"')) {
        assert!(let_through.lines().any(|line| line == format!("!{member}")), "{member}");
    }
}

/// What has landed is on somebody's database: a change is another migration. A new one is added with
/// `(cd migrations && sha256sum *.sql) > tests/migrations.sha256`.
#[test]
fn migrations_never_change() {
    let expected = std::fs::read_to_string(root().join("tests/migrations.sha256")).unwrap();
    let mut expected: BTreeMap<&str, &str> = expected
        .lines()
        .map(|line| line.split_once("  ").expect("a checksum and a name"))
        .map(|(checksum, name)| (name, checksum))
        .collect();
    for entry in std::fs::read_dir(root().join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "README.md" {
            continue;
        }
        let checksum = hex::encode(Sha256::digest(std::fs::read(&path).unwrap()));
        assert_eq!(expected.remove(name), Some(checksum.as_str()), "{name}");
    }
    assert!(expected.is_empty(), "these are gone: {expected:?}");
}

/// Behind a pooler in transaction mode nothing of a session is there in the next transaction: connections
/// come from the crate `pool`, and what holds on to a session is named here and asks for one.
#[test]
fn nothing_relies_on_a_session_of_the_database() {
    let apart = ["src/embedded/postgres.rs", "src/embedded/tests.rs", "projections/src/rebuild.rs"];
    let apart = apart.map(|name| root().join(name));
    let folders = [
        "src",
        "api/src",
        "commands/src",
        "identity/src",
        "log/src",
        "projections/src",
        "workers/src",
    ];
    let files = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    for file in files.filter(|file| !apart.contains(file)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in program.lines() {
            let own = ["PgPool", "PgConnection", "Transaction", "PoolConnection", "PgListener"];
            let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric()).collect();
            let is_import = line.trim_start().starts_with("use sqlx::");
            let is_sqlx = |own: &str| {
                if is_import {
                    words.contains(&own)
                } else {
                    line.contains(&format!("sqlx::{own}"))
                }
            };
            let found = own.iter().find(|own| is_sqlx(own));
            assert!(found.is_none(), "{}: take it from the crate pool: {line}", file.display());
        }
        for banned in [
            "pg_advisory_lock(",
            "pg_try_advisory_lock(",
            "\"SET s",
            "\"SET l",
            "\"LISTEN ",
            "WITH HOLD",
            "\"PREPARE ",
        ] {
            assert!(!program.contains(banned), "{} has {banned}", file.display());
        }
    }
}

#[test]
fn domain_and_folds_reach_for_no_clock_no_chance_and_no_network() {
    for folder in ["domain/src", "log/src", "projections/src"] {
        for file in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let program = text.split("#[cfg(test)]").next().unwrap_or_default();
            for banned in [
                "now_utc(",
                "SystemTime::now",
                "Instant::now",
                "now_v7(",
                "new_v4(",
                "rand::",
                "reqwest",
            ] {
                assert!(!program.contains(banned), "{} has {banned}", file.display());
            }
        }
    }
}

/// What one process issues and another checks goes by the database's clock, see `identity/src/clock.rs`.
/// The log's lines, files and the age of keys on disk have the machine's.
#[test]
fn nothing_that_processes_share_goes_by_the_clock_of_one_machine() {
    let apart = ["identity/src/clock.rs", "src/output.rs", "workers/src/sweeper/mod.rs"];
    let apart = apart.map(|name| root().join(name));
    let crates = ["src", "api/src", "commands/src", "identity/src", "log/src", "workers/src"];
    let files = crates.iter().flat_map(|folder| sources(&root().join(folder)));
    for file in files.filter(|file| !apart.contains(file)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        for banned in ["now_utc(", "SystemTime::now"] {
            let has = program.contains(banned);
            assert!(!has, "{} has {banned}: use identity::clock", file.display());
        }
    }
}

/// People type texts that end up in terminals: `src/output.rs` escapes them, and the log does.
#[test]
fn nothing_is_printed_but_by_the_module_that_escapes() {
    let apart = ["src/output.rs", "src/telemetry.rs"].map(|name| root().join(name));
    let crates = [
        "src",
        "api/src",
        "commands/src",
        "domain/src",
        "identity/src",
        "log/src",
        "projections/src",
        "workers/src",
    ];
    let files = crates.iter().flat_map(|folder| sources(&root().join(folder)));
    for file in files.filter(|file| !apart.contains(file)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        for banned in [
            "print!(",
            "println!(",
            "::stdout()",
            " stdout()",
            "(stdout()",
            "::stderr()",
            " stderr()",
            "(stderr()",
        ] {
            let has = program.lines().any(|line| !is_of_model(&file) && line.contains(banned));
            assert!(!has, "{} prints by {banned}: use src/output.rs", file.display());
        }
    }
}

/// Two decoders of the log's rows would come to mean different things by them.
#[test]
fn the_log_is_decoded_in_one_place() {
    for folder in
        ["src", "api/src", "commands/src", "identity/src", "projections/src", "workers/src"]
    {
        for file in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let program = text.split("#[cfg(test)]").next().unwrap_or_default();
            let found =
                ["Recorded::decode(", "payload::text"].iter().find(|own| program.contains(**own));
            assert!(found.is_none(), "{} has {found:?}: use the crate log", file.display());
        }
    }
}

/// What holds for a route stands beside it in `router.rs` (`policy.rs`). This looks for literals of `api/src`
/// that are a path or the end of one: `"/` and then a letter, a dot or a brace. They may stand where a handler
/// is described (`path = "…"`) and where an address is written: in a `format!`, in a page's HTML, and in
/// the lines named here.
#[test]
fn no_path_decides_anything_outside_of_the_table_of_contents() {
    let written = [
        ("accounts/me.rs", r#""/me/".to_owned()"#),
        ("live/mod.rs", r#"Here::new(base, "/products/", "#),
        ("media_links.rs", r#"const OWN_EVENTS: &str = "/live/";"#),
        ("openapi/headers.rs", r#"("Location", "#),
    ];
    let is_path =
        |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '{'));
    let folder = root().join("api/src");
    let apart = ["router.rs", "features/pages.rs"].map(|name| folder.join(name));
    let mut used: BTreeSet<&(&str, &str)> = BTreeSet::new();
    for file in sources(&folder).iter().filter(|file| !apart.contains(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = program.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let mut literals = line.match_indices("\"/").filter(|(at, _)| is_path(&line[at + 2..]));
            let is_fine = |at: usize| {
                line[..at].ends_with("path = ") || line[..at].trim_end().ends_with("format!(")
            };
            let is_written =
                |(name, part): &&(&str, &str)| file.ends_with(name) && line.contains(part);
            let named = written.iter().find(is_written);
            used.extend(named);
            let found = literals.find(|(at, _)| !is_fine(*at) && named.is_none());
            assert!(found.is_none(), "{}: declare it in router.rs: {line}", file.display());
        }
    }
    assert_eq!(used.len(), written.len(), "of these, some are gone: {written:?}");
}

/// Who looks at the path of a request could decide by it in other ways than by a literal.
#[test]
fn the_path_of_a_request_is_read_where_it_is_matched_compared_or_told() {
    let readers = [
        // Finds the policy, and adds a slash.
        "http/policies.rs",
        // Errors and links name it, metrics the route.
        "http/name.rs",
        "observe.rs",
        "http/list.rs",
        // Two requests are compared by it, or an encrypted one with what it says of itself.
        "http/fingerprint.rs",
        "features/idempotency.rs",
        "http/fixed.rs",
        "http/payload/request.rs",
        // `OPTIONS *` asks about the server.
        "http/options.rs",
    ];
    let folder = root().join("api/src");
    let readers = readers.map(|name| folder.join(name));
    for file in sources(&folder).iter().filter(|file| !readers.contains(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        for banned in ["uri().path()", "uri.path()", "AskedFor", "MatchedPath", "OriginalUri"] {
            assert!(!program.contains(banned), "{} has {banned}: use Policy", file.display());
        }
    }
}

/// A request's token is read once, and kept with it (`bearer.rs`).
#[test]
fn a_request_is_identified_in_one_place() {
    let folder = root().join("api/src");
    for file in sources(&folder).iter().filter(|file| !file.ends_with("api/src/access/bearer.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        let has = program.contains(".authenticate(");
        assert!(!has, "{}: use bearer::identify", file.display());
    }
}

/// A secrets file is made by the code that has looked whether the database has data, and nowhere else.
#[test]
fn secrets_are_made_only_where_the_database_was_looked_at() {
    let folders = ["src", "api/src", "workers/src", "commands/src", "identity/src"];
    let files = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_home = ["identity/src/binding.rs", "identity/src/secrets.rs"]
            .iter()
            .any(|f| file.ends_with(f));
        assert!(is_home || !program.contains("load_or_create"), "{}", file.display());
    }
}

/// A file that is compiled for tests alone, without the mark inside.
fn is_of_model(file: &Path) -> bool {
    file.ends_with("identity/src/access_model.rs")
}

/// The program's own files below a folder; those of tests are apart.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_of_tests =
            entry.file_stem().is_some_and(|name| name == "tests" || name == "testing");
        if entry.is_dir() && !is_of_tests {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|kind| kind == "rs") && !is_of_tests {
            found.push(entry);
        }
    }
    found
}

/// `UPDATE_OPENAPI=1 cargo test … the_document` updates the snapshot.
#[tokio::test]
async fn the_document_is_the_snapshot_that_is_kept_in_docs() {
    let app = TestApp::start().await;
    let kept = root().join("docs/openapi.json");

    let served = app.get("/openapi.json").send().await.expect(200).json;

    let mut served = serde_json::to_string_pretty(&served).unwrap();
    served.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&kept, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&kept).unwrap_or_default();
    let first = kept.lines().zip(served.lines()).position(|(kept, served)| kept != served);
    assert!(
        kept == served,
        "docs/openapi.json differs from line {} on: run this test with UPDATE_OPENAPI=1, and see \
         with git diff whether clients can live with the change",
        first.map_or(kept.lines().count().min(served.lines().count()), |line| line) + 1,
    );
}

#[test]
fn doc_comments_can_be_read_alone() {
    let folders =
        ["domain", "pool", "log", "identity", "commands", "projections", "api", "workers"];
    let folders = folders.iter().map(|name| root().join(name).join("src"));
    let files = folders.chain([root().join("src")]).flat_map(|folder| sources(&folder));

    let leaning = files.filter(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut starts = text.lines().zip(text.lines().skip(1)).filter(|(before, line)| {
            !before.trim_start().starts_with("///") && line.trim_start().starts_with("/// The same")
        });
        starts.next().is_some()
    });

    assert_eq!(leaning.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "say what it is");
}
