//! Requests whose body does not come.

use std::time::{Duration, Instant};

use domain::Role;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{head, said_within, sends};
use crate::support::TestApp;

/// More than a body that is no upload may take.
const SOON: Duration = Duration::from_secs(20);
/// What the one who asks meanwhile may have to wait on a busy machine: less than until the first of
/// the bodies is given up.
const PROMPT: Duration = Duration::from_secs(8);
const OCTETS: &str = "application/offset+octet-stream";
const ATTACKERS: [&str; 4] = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

#[tokio::test]
async fn a_body_that_is_withheld_ends_with_408_on_every_route() {
    let app = TestApp::start().await;
    let staff = app.user(Role::Staff).await;
    let bearer = format!("Authorization: Bearer {}\r\n", staff.access);

    let requests = [
        ("GET /healthz", ""),
        ("POST /healthz", ""),
        ("GET /metrics", ""),
        ("GET /nowhere/", ""),
        ("POST /nowhere/", ""),
        ("GET /docs/", ""),
        ("POST /login/", ""),
        ("POST /products/", &bearer),
        ("DELETE /me/", &bearer),
        ("GET /products/", &bearer),
    ];
    let app = &app;
    let answers = requests.map(|(request, fields)| async move {
        let stream = sends("127.0.0.2", app, &head(request, fields)).await;
        (request, said_within(stream, SOON).await)
    });

    for (request, said) in join_all(answers).await {
        assert!(said.starts_with("HTTP/1.1 408 "), "{request}: {said}");
        assert!(said.contains("\"request_timeout\""), "{request}: {said}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_ends_with_408() {
    let app = TestApp::start().await;
    let mut stream = sends("127.0.0.2", &app, "").await;
    let head = "POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let begun = Instant::now();

    let (mut reader, mut writer) = stream.into_split();
    let trickle = async {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    };
    let mut said = [0; 12];
    tokio::select! {
        read = reader.read_exact(&mut said) => { read.unwrap(); }
        () = trickle => panic!("cut without an answer"),
    }

    assert_eq!(&said, b"HTTP/1.1 408");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_upload_that_goes_silent_is_cut_and_what_came_stays() {
    let app = TestApp::start().await;
    let seller = app.user(Role::EndUser).await;
    let create = app.post("/uploads/").by(&seller).header("Tus-Resumable", "1.0.0");
    let made = create.header("Upload-Length", "100").send().await.expect(201);
    let path = made.header("location").to_owned();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n\
         Content-Length: 100\r\n\r\nfirst",
        seller.access
    );

    let said = said_within(sends("127.0.0.2", &app, &head).await, Duration::from_secs(45)).await;

    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    let find = app.request("HEAD", &path).by(&seller).header("Tus-Resumable", "1.0.0");
    assert_eq!(find.send().await.header("upload-offset"), "5");
}

#[tokio::test]
async fn uploads_of_strangers_are_refused_at_once_and_take_no_room() {
    let app = TestApp::start().await;
    let seller = app.user(Role::EndUser).await;
    let mut silent = vec![];
    for number in 0..80 {
        let head = head("PATCH /uploads/x/", "");
        silent.push(sends(ATTACKERS[number % 4], &app, &head).await);
    }

    let honest = app.post("/uploads/").by(&seller).header("Tus-Resumable", "1.0.0");
    let made = honest.header("Upload-Length", "5").body(b"bytes".to_vec(), OCTETS);

    made.send().await.expect(201);
    for stream in silent {
        let said = said_within(stream, PROMPT).await;
        assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    }
}

#[tokio::test]
async fn requests_whose_bodies_do_not_come_hold_up_no_command_and_no_sign_in() {
    let app = TestApp::start().await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    for route in ["/products/", "/login/"] {
        let head = format!(
            "POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let mut silent = vec![];
        for number in 0..1200 {
            silent.push(sends(ATTACKERS[number % 4], &app, &head).await);
        }
        // So that the program has read them.
        tokio::time::sleep(Duration::from_secs(1)).await;

        let begun = Instant::now();
        app.product(&seller, &category, "Lamp").await;
        app.login(&seller.email, &seller.password).await.expect(200);

        assert!(begun.elapsed() < PROMPT, "{route}: {:?}", begun.elapsed());
    }
}
