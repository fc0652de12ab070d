//! Clients that go away in the middle.

use domain::Role;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use url::Url;

use super::positions_are_contiguous;
use crate::support::{Person, TestApp, eventually, video};

/// Sends the beginning of a request, and hangs up without waiting for an answer.
async fn send_and_hang_up(app: &TestApp, head: &str, body: &[u8]) {
    let url = Url::parse(&app.url("/")).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream.flush().await.unwrap();
}

fn head(person: &Person, key: &str, content_type: &str, length: usize) -> String {
    format!(
        "POST /products/ HTTP/1.1\r\nHost: vetted.example\r\nAuthorization: Bearer {}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n",
        person.access
    )
}

#[tokio::test]
async fn a_client_that_hangs_up_on_a_command_leaves_no_half_of_it() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    let category = app.category(&staff, "Lamps").await;
    let keys: Vec<_> = (0..40).map(|number| format!("key-{number}")).collect();
    let body = |key: &str| json!({ "name": key, "category_id": category });

    for key in &keys {
        let bytes = body(key).to_string().into_bytes();
        let head = head(&seller, key, "application/json", bytes.len());
        send_and_hang_up(&app, &head, &bytes).await;
    }

    for key in &keys {
        eventually("the first request is over", async || {
            let call = app.post("/products/").by(&seller).header("Idempotency-Key", key);
            let answer = call.json(body(key)).send().await;
            assert!(answer.status == 201 || answer.code() == "idempotency_in_progress");
            (answer.status == 201).then_some(())
        })
        .await;
    }
    let listed = app.get("/products/?limit=100").by(&seller).send().await.expect(200);
    assert_eq!(listed.ids().len(), keys.len());
    positions_are_contiguous(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_on_an_upload_leaves_nothing() {
    let app = TestApp::start().await;
    let (seller, staff) = (app.user(Role::EndUser).await, app.user(Role::Staff).await);
    app.category(&staff, "Lamps").await;
    let film = video::mp4();
    let part = "--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"a.mp4\"\r\n\r\n";
    let half = [part.as_bytes(), &film[..film.len() / 2]].concat();

    let head = head(&seller, "half", "multipart/form-data; boundary=b", part.len() + film.len());
    send_and_hang_up(&app, &head, &half).await;

    eventually("the request is over, and its key free", async || {
        let keys = "SELECT count(*) FROM idempotency_keys";
        let keys: i64 = sqlx::query_scalar(keys).fetch_one(&app.pool()).await.unwrap();
        (keys == 0).then_some(())
    })
    .await;
    let media = app.data_dir().join("media");
    eventually("the half file is gone", async || (files(&media) == 0).then_some(())).await;
    let listed = app.get("/products/").by(&seller).send().await.expect(200);
    assert!(listed.ids().is_empty());
    app.finish().await;
}

/// Files below a folder.
fn files(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}
