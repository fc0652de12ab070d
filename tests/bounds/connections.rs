//! How many connections there are, and which of them are closed first.

use std::time::Duration;

use domain::Role;
use futures::future::join_all;
use tokio::net::TcpStream;

use super::{is_closed_within, sends};
use crate::support::{TestApp, eventually};

const AT_ONCE: Duration = Duration::from_millis(500);
/// More than a connection may take to send its first request.
const SOON: Duration = Duration::from_secs(16);

async fn silent(app: &TestApp, from: &str, count: usize) -> Vec<TcpStream> {
    join_all((0..count).map(|_| sends(from, app, ""))).await
}

/// How many of them the program has closed.
async fn closed(streams: &mut [TcpStream]) -> usize {
    let closed = streams.iter_mut().map(|stream| is_closed_within(stream, AT_ONCE));
    join_all(closed).await.into_iter().filter(|closed| *closed).count()
}

#[tokio::test]
async fn connections_of_one_address_have_a_bound_and_others_are_let_in() {
    let app = TestApp::start_with(&[("CONNECTION_LIMITS", "address=20")]).await;

    let mut greedy = silent(&app, "127.0.0.2", 30).await;
    let mut other = silent(&app, "127.0.0.3", 20).await;

    assert_eq!(closed(&mut greedy).await, 10);
    assert_eq!(closed(&mut other).await, 0);
    app.get("/healthz").send().await.expect(200);
    drop(greedy);
    eventually("there is room again", async || {
        (closed(&mut silent(&app, "127.0.0.2", 20).await).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trusted_proxy_may_open_as_many_as_there_are() {
    let variables = [("CONNECTION_LIMITS", "address=20"), ("TRUSTED_PROXIES", "127.0.0.2")];
    let app = TestApp::start_with(&variables).await;

    let mut proxied = silent(&app, "127.0.0.2", 50).await;

    assert_eq!(closed(&mut proxied).await, 0);
}

#[tokio::test]
async fn silent_connections_make_room_for_new_ones_and_requests_under_way_stay() {
    let app = TestApp::start_with(&[("CONNECTION_LIMITS", "total=64,address=40")]).await;
    let seller = app.user(Role::EndUser).await;
    let watching = format!(
        "GET /live/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        seller.access
    );
    let mut underway = vec![sends("127.0.0.1", &app, &watching).await];
    tokio::time::sleep(AT_ONCE).await;

    let mut flood = vec![];
    for round in 2..12 {
        flood.extend(silent(&app, &format!("127.0.0.{round}"), 30).await);
        app.get("/healthz").send().await.expect(200);
        app.get("/me/").by(&seller).send().await.expect(200);
    }

    assert_eq!(closed(&mut underway).await, 0);
    assert!(closed(&mut flood).await >= 236, "at most 64 stay open");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_whatever_it_began_with() {
    let app = TestApp::start().await;

    let beginnings =
        ["", "G", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n"];
    let app = &app;
    let closed = beginnings.map(|beginning| async move {
        let mut stream = sends("127.0.0.2", app, beginning).await;
        (beginning, is_closed_within(&mut stream, SOON).await)
    });

    for (beginning, is_closed) in join_all(closed).await {
        assert!(is_closed, "{beginning:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_not_kept_for_ever() {
    let app = TestApp::start().await;
    // Pipelined, so that the answers are more than sockets hold.
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);

    let stream = sends("127.0.0.2", &app, &requests).await;
    let port = stream.local_addr().unwrap().port();
    assert!(is_established(port));
    tokio::time::sleep(Duration::from_secs(65)).await;

    eventually("it is closed", async || (!is_established(port)).then_some(())).await;
}

/// Whether the program has a connection to that port of a client's.
fn is_established(port: u16) -> bool {
    const ESTABLISHED: &str = "01";
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&format!(":{port:04X}")) && fields[3] == ESTABLISHED
    })
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_by_clients_that_know() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();

    let answer = client.get(app.url("/healthz")).send().await.unwrap();

    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.status(), 200);
}
