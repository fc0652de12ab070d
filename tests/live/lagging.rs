//! A reader that does not read.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use super::Shop;

/// Letters of four bytes: descriptions that soon fill what the kernel keeps for a reader.
const LONG: usize = 19_000;
const EDITS: usize = 260;
const LAST: &str = "The last of all";

#[tokio::test]
async fn a_reader_that_lags_is_told_to_look_for_itself_and_goes_on() {
    let shop = Shop::open().await;
    let product = shop.product("Lamp").await;
    let path = format!("/products/{product}/");
    let base = shop.app.url("").replace("http://", "");
    let mut slow = TcpStream::connect(&base).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let bearer = &shop.seller.access;
    write!(
        slow,
        "GET {path}live/ HTTP/1.1\r\nHost: {base}\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    )
    .unwrap();

    let edit = async |number: usize| {
        let text = format!("{number} {}", "\u{1d54f}".repeat(LONG));
        let call = shop.app.patch(&path).by(&shop.seller).json(json!({ "description": text }));
        call.send().await.expect(200);
    };
    for number in 0..EDITS {
        edit(number).await;
    }

    let (tell, resynced) = oneshot::channel();
    let read = tokio::task::spawn_blocking(move || read_on(slow, tell));
    resynced.await.expect("a resync");
    let call = shop.app.patch(&path).by(&shop.seller).json(json!({ "name": LAST }));
    call.send().await.expect(200);
    let names = read.await.unwrap();

    let resyncs = names.iter().filter(|name| *name == "resync").count();
    assert_eq!((names[0].as_str(), resyncs), ("snapshot", 1), "{names:?}");
    assert!(names.len() < EDITS, "{} events came to a reader that was not reading", names.len());
    assert_eq!(names.last().map(String::as_str), Some("product"));
}

/// The names of all events up to the last, and word of the first resync.
fn read_on(slow: TcpStream, tell: oneshot::Sender<()>) -> Vec<String> {
    let (mut names, mut tell) = (vec![], Some(tell));
    for line in BufReader::new(slow).lines() {
        let line = line.unwrap();
        if let Some(name) = line.strip_prefix("event:") {
            names.push(name.trim().to_owned());
            if names.last().is_some_and(|name| name == "resync")
                && let Some(tell) = tell.take()
            {
                tell.send(()).unwrap();
            }
        }
        if line.starts_with("data:") && line.contains(LAST) {
            break;
        }
    }
    names
}
