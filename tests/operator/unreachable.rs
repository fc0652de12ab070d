//! Servers that can't be reached at start are named by their variable, with the cause and the place.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use url::Url;

use super::{is_logged, sentence};
use crate::support::program::Program;
use crate::support::{TestApp, TestDatabase};

/// A server that treats each connection so; its address.
fn server(treat: fn(&mut TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // The client may go away at any time.
            let _ = treat(&mut stream);
        }
    });
    address
}

/// Reads messages of PostgreSQL's protocol without TLS, and answers with this SQLSTATE.
fn refuse_password(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut start = [0; 1024];
    // The first one asks for TLS.
    let _ = stream.read(&mut start)?;
    stream.write_all(b"N")?;
    let _ = stream.read(&mut start)?;
    let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"vetted\"\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    stream.write_all(&[b"E", length.as_slice(), fields].concat())
}

fn never_answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let stream = stream.try_clone()?;
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_mins(1));
        drop(stream);
    });
    Ok(())
}

/// NATS, which asks for a login and takes none.
fn refuse_login(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"INFO {\"server_id\":\"x\",\"server_name\":\"x\",\"version\":\"2.10.0\",\"go\":\"\",\
          \"host\":\"\",\"port\":1,\"headers\":true,\"max_payload\":1048576,\"proto\":1,\
          \"auth_required\":true}\r\n",
    )?;
    let mut line = String::new();
    BufReader::new(&mut *stream).read_line(&mut line)?;
    stream.write_all(b"-ERR 'Authorization Violation'\r\n")
}

/// A mail server that takes no password.
fn refuse_mailer(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 mail ESMTP\r\n")?;
    let lines = BufReader::new(stream.try_clone()?).lines();
    for line in lines.map_while(Result::ok) {
        let answer: &[u8] = match line.get(..4) {
            Some("EHLO") => b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n",
            Some("AUTH") => b"535 5.7.8 no\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(())
}

async fn told_of(database: &str) -> String {
    let program = Program::new(&[("DATABASE_URL", database), ("BIND", "127.0.0.1:0")]);
    let mut told = None;
    for arguments in [&["migrate"][..], &["api"], &[]] {
        let outcome = program.run(arguments).await.expect(1);
        let sentence = sentence(&outcome).to_owned();
        assert!(told.is_none_or(|before| before == sentence), "{outcome:?}");
        told = Some(sentence);
    }
    told.unwrap()
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_with_the_cause_and_without_the_password() {
    let (refusing, silent) = (server(refuse_password), server(never_answer));
    let here = std::env::var("TEST_DATABASE_URL").unwrap();
    let mut absent = Url::parse(&here).unwrap();
    absent.set_path("no_such_database");
    for (url, expected) in [
        ("postgres://v:hunter2@127.0.0.1:1/vetted", "connection refused at 127.0.0.1:1"),
        ("postgres://v:hunter2@no..such..host:5/vetted", "no such host at no..such..host:5"),
        (
            &format!("postgres://v:hunter2@{refusing}/vetted"),
            &format!("password refused at {refusing}"),
        ),
        (&format!("postgres://v:hunter2@{silent}/vetted"), &format!("timed out at {silent}")),
        ("postgres://v:hunter2@x/vetted?host=/no/folder", "no such socket at /no/folder port 5432"),
        (absent.as_str(), "no such database as \"no_such_database\" at "),
    ] {
        let told = told_of(url).await;

        assert!(told.starts_with(&format!("DATABASE_URL: {expected}")), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_refused_connection_ends_the_start_at_once() {
    let nowhere = "postgres://vetted@127.0.0.1:1/vetted";
    let program = Program::new(&[("DATABASE_URL", nowhere)]);
    let begun = Instant::now();

    program.run(&["migrate"]).await.expect(1);

    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_bucket_that_cannot_be_reached_ends_the_start() {
    let database = TestDatabase::create().await;
    let program = Program::new(&[
        ("DATABASE_URL", database.url.as_str()),
        ("NATS_URL", &crate::support::broker::url()),
        ("STORAGE_URL", "s3://films"),
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "a-key"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("BIND", "127.0.0.1:0"),
        ("RUST_LOG", "error"),
    ]);

    for arguments in [&["api"][..], &["worker"], &[], &["worker", "sweep"]] {
        let told = program.run(arguments).await.expect(1);

        assert_eq!(sentence(&told), "STORAGE_URL: connection refused at 127.0.0.1:1");
    }
}

#[tokio::test]
async fn a_refused_login_at_nats_ends_the_start() {
    let database = TestDatabase::create().await;
    let nats = server(refuse_login);
    let program = Program::new(&[
        ("DATABASE_URL", database.url.as_str()),
        ("NATS_URL", &format!("nats://vetted:hunter2@{nats}")),
        ("BIND", "127.0.0.1:0"),
        ("RUST_LOG", "off"),
    ]);

    let told = program.run(&["api"]).await.expect(1);

    assert_eq!(sentence(&told), format!("NATS_URL: password refused at {nats}"));
}

#[tokio::test]
async fn what_is_only_needed_later_is_warned_of_and_the_program_serves() {
    let mailer = server(refuse_mailer);
    let app = TestApp::start_with(&[
        ("NATS_URL", "nats://vetted:hunter2@127.0.0.1:1"),
        ("SMTP_URL", &format!("smtp://vetted:hunter2@{mailer}")),
        ("CLAMD_URL", "tcp://127.0.0.1:1"),
    ])
    .await;

    for expected in [
        "NATS_URL: connection refused at 127.0.0.1:1",
        &format!("SMTP_URL: password refused at {mailer}"),
        "CLAMD_URL: connection refused at 127.0.0.1:1",
    ] {
        let line = is_logged(&app, expected).await;
        assert!(line.contains(" WARN "), "{line}");
    }
    app.get("/healthz").send().await.expect(200);
    assert!(!app.stderr().contains("hunter2"), "{}", app.stderr());
}
