//! Clients that generators make of the OpenAPI document live one product's life: openapi-typescript
//! with openapi-fetch, and openapi-python-client. `make clients` generates them.

use std::path::{Path, PathBuf};

use domain::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, video};

/// Where the Makefile generates clients: in the tools of Cargo's target folder.
fn clients() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_vetted"));
    let clients = binary.ancestors().nth(2).unwrap().join("tools/clients");
    assert!(
        clients.join("generated/python").is_dir(),
        "no clients are generated: run make clients"
    );
    clients
}

fn signs_in(person: &Person) -> Value {
    json!({ "email": person.email, "password": person.password })
}

/// Runs a program with the people and the video of a life; gives what it tells of it.
async fn lived(command: &mut tokio::process::Command) -> Value {
    let app = TestApp::start().await;
    let [seller, staff, buyer] =
        [app.user(Role::EndUser).await, app.user(Role::Staff).await, app.user(Role::EndUser).await];
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    std::fs::write(&film, video::mp4()).unwrap();
    let given = json!({
        "base": app.url(""), "video": film,
        "seller": signs_in(&seller), "staff": signs_in(&staff), "buyer": signs_in(&buyer),
    });

    let output = command.arg(given.to_string()).kill_on_drop(true).output().await.unwrap();

    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    app.finish().await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// A life as it has to be.
fn is_whole(life: &Value) {
    assert_eq!(life["made"]["status"], "PENDING", "{life}");
    assert_eq!(life["made"]["price"], json!({ "amount": "12.50", "currency": "EUR" }), "{life}");
    assert_eq!(life["poster"], "image/jpeg", "{life}");
    assert_eq!(life["early"], "permission_denied", "{life}");
    assert_eq!(life["status"], "APPROVED", "{life}");
    assert_eq!(life["total"], json!({ "amount": "25.00", "currency": "EUR" }), "{life}");
    let timeline = life["timeline"].as_array().unwrap_or_else(|| panic!("{life}"));
    let kinds: Vec<_> = timeline.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let expected = ["ProductSubmitted", "VideoUploaded", "VideoFinalized", "ProductApproved"];
    assert_eq!(kinds, expected, "{life}");
}

#[tokio::test]
async fn a_client_of_openapi_typescript_lives_a_products_life_with_a_form() {
    let script = clients().join("built/life.js");

    let life = lived(tokio::process::Command::new("node").arg(script)).await;

    is_whole(&life);
}

#[tokio::test]
async fn a_client_of_openapi_python_client_lives_a_products_life_with_a_resumable_upload() {
    let clients = clients();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/life.py");
    let mut python = tokio::process::Command::new(clients.join("python/bin/python"));
    let python = python.env("PYTHONPATH", clients.join("generated/python")).arg(script);

    let life = lived(python).await;

    is_whole(&life);
}
