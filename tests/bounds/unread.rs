//! What one side sends and the other does not read: bodies of refused requests, and answers.

use std::time::{Duration, Instant};

use domain::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sends;
use crate::support::TestApp;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// What a client of a platform's own gets that sends a long body and reads the answer afterwards.
async fn told(interpreter: &str, script: &str, options: &Value) -> Value {
    let mut command = tokio::process::Command::new(interpreter);
    command.arg(format!("{FOLDER}/{script}")).arg(options.to_string());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

// Seen: EPIPE and ECONNRESET in place of the answer.
#[tokio::test]
async fn node_and_python_see_why_a_long_body_is_refused() {
    let app = TestApp::start().await;
    let form = "multipart/form-data; boundary=b";
    let upload = "/uploads/0190a1b2-0000-7000-8000-000000000000/";
    let cases = [
        ("POST", "/products/", form, 50_000_000, 401),
        ("POST", "/categories/", "application/json", 30_000_000, 401),
        ("PATCH", upload, "application/offset+octet-stream", 50_000_000, 401),
        ("POST", "/login/", "application/json", 30_000_000, 413),
        ("POST", "/nowhere/", "application/json", 30_000_000, 404),
    ];

    for (method, path, kind, bytes, status) in cases {
        let url = app.url(path);
        let options = json!({ "url": url, "method": method, "type": kind, "bytes": bytes });
        let mut in_http2 = options.clone();
        in_http2["http2"] = json!(true);
        for (interpreter, script, options) in [
            ("node", "unread.mjs", &options),
            ("node", "unread.mjs", &in_http2),
            ("python3", "unread.py", &options),
        ] {
            let told = told(interpreter, script, options).await;
            assert_eq!(told["status"], status, "{script} {path}: {told}");
        }
    }
}

/// Reads one answer, by its `Content-Length`; gives its head.
async fn one_answer(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    head
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_body_says_whether_the_connection_goes_on() {
    let app = TestApp::start().await;
    let request = |length: usize| {
        format!("POST /nowhere/ HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
    };
    let sent = |length: usize| request(length) + &"x".repeat(length);

    let mut short = sends("127.0.0.1", &app, &sent(100_000)).await;
    let mut withheld = sends("127.0.0.1", &app, &request(100_000)).await;
    let mut long = sends("127.0.0.1", &app, &request(20_000_000)).await;

    let head = one_answer(&mut short).await;
    assert!(head.starts_with("http/1.1 404") && !head.contains("connection: close"), "{head}");
    for next in
        ["Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n"]
    {
        let next = format!("POST /nowhere/ HTTP/1.1\r\nHost: x\r\n{next}");
        short.write_all(next.as_bytes()).await.unwrap();
        let head = one_answer(&mut short).await;
        assert!(head.starts_with("http/1.1 404") && !head.contains("connection: close"), "{head}");
    }
    for stream in [&mut withheld, &mut long] {
        let head = one_answer(stream).await;
        assert!(head.starts_with("http/1.1 4") && head.contains("connection: close"), "{head}");
    }
}

#[tokio::test]
async fn a_client_that_goes_on_sending_is_not_read_for_ever() {
    let app = TestApp::start().await;
    let head = "POST /nowhere/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n";
    let mut endless = sends("127.0.0.1", &app, head).await;
    assert!(one_answer(&mut endless).await.contains("connection: close"));
    let (began, mut sent, chunk) = (Instant::now(), 0_usize, vec![0; 1 << 16]);

    while endless.write_all(&chunk).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 200_000_000 && began.elapsed() < Duration::from_secs(30), "{sent}");
    }
}

/// Bytes that a process has in memory.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn answers_that_nobody_reads_hold_up_nobody_and_are_not_kept() {
    let mut app = TestApp::start().await;
    let person = app.user(Role::EndUser).await;
    let before = memory(app.server().id());
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let mut pipelined = vec![];

    for number in 0..100 {
        let from = format!("127.0.{}.2", number % 10 + 1);
        pipelined.push(sends(&from, &app, &request).await);
    }
    for _ in 0..20 {
        let began = Instant::now();
        app.get("/products/").by(&person).send().await.expect(200);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    // They would be 3 GB.
    let more = memory(app.server().id()).saturating_sub(before);
    assert!(more < 200_000_000, "{more} bytes more");
    drop(pipelined);
}
