//! Clients that others wrote, unchanged: jose (npm), jwcrypto (PyPI), and a browser's WebCrypto.
//! `make tools` installs them.

use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::Value;

use crate::support::{TestApp, link_in};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// Where the Makefile installs what the scripts need: `tools` in Cargo's target folder.
fn tools() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_vetted"));
    let tools = binary.ancestors().nth(2).unwrap().join("tools/interop");
    assert!(tools.is_dir(), "jose and jwcrypto are not installed: run make tools");
    tools
}

/// Runs a script to its end, and reads what it prints.
async fn run(interpreter: &Path, script: &Path, arguments: &[&str]) -> Value {
    let mut command = tokio::process::Command::new(interpreter);
    let output = command.arg(script).args(arguments).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", script.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn signs_in_and_makes_a_category(interpreter: &Path, script: &Path) {
    let app = TestApp::start_with(&[("RUST_LOG", "trace,sqlx=warn")]).await;
    let staff = app.user_by_command(Role::Staff).await;

    let told = run(interpreter, script, &[&app.url(""), &staff.email, &staff.password]).await;

    assert_eq!(told["login"], 200, "{told}");
    assert_eq!(told["made"]["status"], 201, "{told}");
    assert_eq!(told["made"]["body"]["description"], "Ünïcödé");
    assert_eq!(told["read"]["body"], told["made"]["body"]);
    assert_eq!(told["again"]["status"], 409, "{told}");
    assert_eq!(told["again"]["body"]["code"], "category_name_taken");
    assert!(!app.stderr().contains(&staff.password));
    app.finish().await;
}

#[tokio::test]
async fn jose_from_npm_is_understood_and_understands() {
    // Modules are found beside the script that asks for them.
    let script = tools().join("client.mjs");
    std::fs::copy(Path::new(FOLDER).join("client.mjs"), &script).unwrap();

    signs_in_and_makes_a_category(Path::new("node"), &script).await;
}

#[tokio::test]
async fn jwcrypto_from_pypi_is_understood_and_understands() {
    let python = tools().join("python/bin/python");

    signs_in_and_makes_a_category(&python, &Path::new(FOLDER).join("client.py")).await;
}

#[tokio::test]
async fn the_page_for_a_new_password_encrypts_it_and_works_where_that_is_required() {
    let app = TestApp::start_with(&[("REQUIRE_PAYLOAD_ENCRYPTION", "true")]).await;
    let client = super::Client::of(&app).await;
    let person = app.user_by_command(Role::EndUser).await;
    let asked = serde_json::json!({ "email": person.email });
    let body = client.seal("POST", "/password/reset/", &asked);
    app.post("/password/reset/").json(body).send().await.expect(202);
    let link = link_in(&app.mail_to(&person.email).await);
    let (_, query) = link.split_once('?').unwrap();
    let set = async |password: &str| {
        let script = Path::new(FOLDER).join("reset.mjs");
        run(Path::new("node"), &script, &[&app.url(""), &format!("?{query}"), password]).await
    };

    let weak = set("password").await;
    let done = set("a lamp in every room").await;

    assert_eq!(weak["hidden"], false, "{weak}");
    assert!(!weak["said"].as_str().unwrap().is_empty());
    assert_eq!(
        (&done["hidden"], &done["said"]),
        (&true.into(), &"The password is set: sign in with it.".into())
    );
    let body = done["sent"].as_str().unwrap();
    assert!(body.starts_with(r#"{"data":"#) && !body.contains("lamp"), "{body}");
    let tokens = serde_json::json!({ "email": person.email, "password": "a lamp in every room" });
    app.post("/login/").json(client.seal("POST", "/login/", &tokens)).send().await.expect(200);
}

#[test]
fn the_examples_in_the_docs_are_these_scripts() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/encryption.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for (script, language) in [("client.mjs", "js"), ("client.py", "python")] {
        let text = std::fs::read_to_string(Path::new(FOLDER).join(script)).unwrap();
        assert!(docs.contains(&format!("```{language}\n{text}```\n")), "{script}");
    }
}

#[test]
fn the_lock_files_name_no_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));

    for folder in ["tests/interop", "tests/clients", "scripts/openapi", "bench/uploads"] {
        let lock = std::fs::read_to_string(root.join(folder).join("package-lock.json")).unwrap();
        assert!(!lock.contains("resolved") && lock.contains("integrity"), "{folder}");
    }
}
