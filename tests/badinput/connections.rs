//! Clients that do not speak HTTP as they should.

use std::time::Duration;

use domain::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{events, stored};
use crate::refusal::refused;
use crate::support::{Answer, Person, TestApp, eventually, video, video_form};

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.url("").trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.unwrap()
}

/// Far more than a server waits for: it bounds a test that fails.
const TIMEOUT: Duration = Duration::from_secs(50);

/// All that the server says until it closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut said = vec![];
    // A reset after the answer is a close as well.
    let closed = timeout(TIMEOUT, stream.read_to_end(&mut said)).await;
    assert!(closed.is_ok(), "the connection stays open");
    String::from_utf8_lossy(&said).into_owned()
}

/// What the server says until its answer has been read, whatever it does with the connection.
async fn answer(stream: &mut TcpStream, until: &str) -> String {
    let mut said = vec![];
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&said).contains(until) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn headers_of_a_megabyte_are_refused_and_the_connection_closed() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    let large = "x".repeat(1_000_000);

    // The server may stop reading before all is written.
    let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;

    let said = rest(stream).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    let small = "x".repeat(40_000);
    let refused = app.get("/healthz").header("x-large", &small).send().await.expect(431);
    assert_eq!(refused.code(), "headers_too_large");
    app.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn what_is_not_http_is_cut() {
    let app = TestApp::start().await;

    for nonsense in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n"]
    {
        let mut stream = connect(&app).await;
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        let said = rest(stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    let mut both = connect(&app).await;
    let smuggled = "POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    both.write_all(smuggled.as_bytes()).await.unwrap();
    both.shutdown().await.unwrap();
    let said = rest(both).await;
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    app.get("/healthz").send().await.expect(200);
}

#[tokio::test]
async fn two_gigabytes_that_are_declared_are_refused_before_they_come() {
    let app = TestApp::start().await;
    let seller = app.user(Role::EndUser).await;
    let mut stream = connect(&app).await;
    let head = format!(
        "POST /products/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2147483648\r\n\r\n",
        seller.access
    );

    stream.write_all(head.as_bytes()).await.unwrap();

    let said = answer(&mut stream, "video_too_large").await;
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    assert!(
        said.contains("application/problem+json") && said.contains("video_too_large"),
        "{said}"
    );
}

#[tokio::test]
async fn a_large_json_body_that_is_declared_is_refused_before_it_comes() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    let head = "POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 2147483648\r\n\r\n";

    stream.write_all(head.as_bytes()).await.unwrap();

    let said = answer(&mut stream, "body_too_large").await;
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    assert!(said.contains("body_too_large"), "{said}");
}

#[tokio::test]
async fn a_client_that_sends_no_headers_is_cut() {
    let app = TestApp::start().await;
    let (mut begun, silent) = (connect(&app).await, connect(&app).await);

    begun.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();

    let (begun, silent) = tokio::join!(rest(begun), rest(silent));
    for said in [begun, silent] {
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    }
}

#[tokio::test]
async fn a_connection_that_rests_serves_on_and_one_whose_next_head_does_not_come_is_cut() {
    let app = TestApp::start().await;
    let (mut resting, mut begun) = (connect(&app).await, connect(&app).await);
    for stream in [&mut resting, &mut begun] {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        assert!(stream.read(&mut answer).await.unwrap() > 0);
    }

    begun.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();

    let said = rest(begun).await;
    assert!(said.is_empty(), "{said}");
    let last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    resting.write_all(last).await.unwrap();
    let said = rest(resting).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
}

#[tokio::test]
async fn an_upload_whose_client_hangs_up_leaves_nothing() {
    let app = TestApp::start().await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    let before = events(&app.pool()).await;
    let film = video::mp4();
    let part = |name: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let head_of_file =
        "--b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"a.mp4\"\r\n\r\n";
    let begun = format!("{}{}{head_of_file}", part("name", "Lamp"), part("category_id", &category));
    let head = format!(
        "POST /products/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{begun}",
        seller.access,
        begun.len() + film.len() + 1000
    );

    let mut stream = connect(&app).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&film).await.unwrap();
    eventually("the upload is on its way", async || (!stored(&app).is_empty()).then_some(())).await;
    drop(stream);

    eventually("the upload is cleared away", async || stored(&app).is_empty().then_some(())).await;
    let list = app.get("/products/").by(&seller).send().await.expect(200);
    assert!(list.ids().is_empty(), "{list:?}");
    assert_eq!(events(&app.pool()).await, before);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = TestApp::start().await;
    let mut stream = connect(&app).await;
    let begun = "POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 100\r\n\r\n{\"email\":";

    stream.write_all(begun.as_bytes()).await.unwrap();

    let said = rest(stream).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.contains("request_timeout"), "{said}");
}

/// A form that has begun, and whose rest does not come.
async fn slow_form(app: &TestApp, seller: &Person) -> TcpStream {
    let head = format!(
        "POST /products/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b",
        seller.access
    );
    let mut stream = connect(app).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn form(app: &TestApp, seller: &Person, category: &str) -> Answer {
    let form = video_form(category, b"no video".to_vec());
    app.post("/products/").by(seller).multipart(form).send().await
}

/// Adds slow forms of a seller's to those that there are, until no further form is let in.
async fn fill(app: &TestApp, seller: &Person, category: &str, slow: &mut Vec<TcpStream>) -> Answer {
    let answer = eventually("the room is taken", async || {
        let answer = form(app, seller, category).await;
        if answer.status == 201 {
            // It may have had the place of one that came at the same time, and was refused.
            slow.push(slow_form(app, seller).await);
            return None;
        }
        Some(answer)
    })
    .await;
    refused(answer, 503, "overloaded")
}

async fn let_in_again(app: &TestApp, seller: &Person, category: &str) {
    eventually("there is room again", async || {
        (form(app, seller, category).await.status == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn uploads_beyond_their_room_are_refused_and_take_it_from_nobody_else() {
    let app = TestApp::start().await;
    let (staff, seller) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let category = app.category(&staff, "Lamps").await;
    let mut slow = vec![];
    for _ in 0..4 {
        let other = app.user(Role::EndUser).await;
        for _ in 0..16 {
            slow.push(slow_form(&app, &other).await);
        }
    }

    let answer = fill(&app, &seller, &category, &mut slow).await;

    assert_eq!(answer.header("retry-after"), "1");
    app.get("/products/").by(&seller).send().await.expect(200);
    app.product(&seller, &category, "Lamp").await;
    app.login(&seller.email, &seller.password).await.expect(200);
    drop(slow);
    let_in_again(&app, &seller, &category).await;
}

#[tokio::test]
async fn one_who_uploads_much_leaves_room_to_others() {
    let app = TestApp::start().await;
    let (staff, greedy) = (app.user(Role::Staff).await, app.user(Role::EndUser).await);
    let other = app.user(Role::EndUser).await;
    let category = app.category(&staff, "Lamps").await;
    let mut slow = vec![];
    for _ in 0..16 {
        slow.push(slow_form(&app, &greedy).await);
    }

    let answer = fill(&app, &greedy, &category, &mut slow).await;

    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains("16 uploads under way"), "{detail}");
    form(&app, &other, &category).await.expect(201);
    drop(slow);
    let_in_again(&app, &greedy, &category).await;
}
