//! Cuts, and who goes on: after a broken connection, on another replica, after a kill.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::cutter::{address, cut_after};
use super::{OCTETS, Uploader, arrived, noise, stored};
use crate::support::{Answer, eventually};

/// A PATCH that has sent a part of what it announced, and waits.
async fn begun(uploader: &Uploader, base: &str, path: &str, sent: &[u8]) -> TcpStream {
    begun_at(0, uploader, base, path, sent).await
}

async fn begun_at(
    offset: usize,
    uploader: &Uploader,
    base: &str,
    path: &str,
    sent: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(address(base)).await.unwrap();
    let head = uploader.raw_patch(path, offset, sent.len() + 1000);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    eventually("the request is at the upload", async || {
        let fence = "SELECT lease_until > now() FROM uploads";
        let leased: Option<bool> =
            sqlx::query_scalar(fence).fetch_one(&uploader.app.pool()).await.unwrap();
        leased.unwrap_or(false).then_some(())
    })
    .await;
    eventually("all that was sent is read", async || is_read(&stream).then_some(())).await;
    stream
}

/// Whether the kernel holds nothing any more of what this end has sent to the other, which is on
/// this machine: proc_net_tcp(5) has the addresses in hexadecimal, then both queues.
fn is_read(stream: &TcpStream) -> bool {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (here, there) = (port(stream.local_addr().unwrap()), port(stream.peer_addr().unwrap()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let empty = |from: &str, to: &str, queue: usize| {
        let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row[1].ends_with(from) && row[2].ends_with(to)).unwrap();
        row[4].split(':').nth(queue) == Some("00000000")
    };
    empty(&here, &there, 0) && empty(&there, &here, 1)
}

async fn read_status(mut stream: TcpStream) -> String {
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn offset(answer: &Answer) -> usize {
    answer.header("upload-offset").parse().unwrap()
}

#[tokio::test]
async fn bytes_that_arrived_before_a_cut_are_kept() {
    let uploader = Uploader::start().await;
    let bytes = noise(3_000_000, 5);
    let path = uploader.create(bytes.len()).await;

    let mut had = 0;
    for cut in [1, 70_000, 1_500_000] {
        let request = uploader.raw_patch(&path, had, bytes.len() - had);
        cut_after(&uploader.app, &request, &bytes[had..had + cut]).await;
        had += cut;
        assert_eq!(uploader.offset(&path).await, had);
    }
    uploader.patch(&path, had, &bytes[had..]).await.expect(204);

    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn a_request_that_hangs_gives_way_to_one_that_asks() {
    let uploader = Uploader::start().await;
    let bytes = noise(1_000_000, 6);
    let path = uploader.create(bytes.len()).await;
    let base = uploader.app.url("");
    let hanging = begun(&uploader, &base, &path, &bytes[..400_000]).await;

    let asked = Instant::now();
    assert_eq!(uploader.offset(&path).await, 400_000);

    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(read_status(hanging).await, "HTTP/1.1 423");
    uploader.patch(&path, 400_000, &bytes[400_000..]).await.expect(204);
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn another_replica_goes_on_with_what_one_is_at() {
    let uploader = Uploader::start().await;
    let replica = uploader.app.replica().await;
    let bytes = noise(1_000_000, 7);
    let path = uploader.create(bytes.len()).await;
    let hanging = begun(&uploader, replica.base(), &path, &bytes[..400_000]).await;

    assert_eq!(uploader.offset(&path).await, 400_000);
    assert_eq!(read_status(hanging).await, "HTTP/1.1 423");
    let again = begun_at(400_000, &uploader, replica.base(), &path, &[]).await;
    let refused = uploader.patch(&path, 0, &bytes).await;

    assert_eq!((refused.status, offset(&refused)), (409, 400_000));
    drop(again);
    uploader.patch(&path, 400_000, &bytes[400_000..]).await.expect(204);
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn another_replica_takes_over_from_one_that_was_killed() {
    let uploader = Uploader::start().await;
    let mut replica = uploader.app.replica().await;
    // Enough that a part is closed and recorded.
    let bytes = noise(70 << 20, 8);
    let path = uploader.create(bytes.len()).await;
    let sent = 65 << 20;
    let hanging = begun(&uploader, replica.base(), &path, &bytes[..sent]).await;
    eventually("a part is recorded", async || {
        let parts = "SELECT count(*) FROM upload_parts";
        let parts: i64 = sqlx::query_scalar(parts).fetch_one(&uploader.app.pool()).await.unwrap();
        (parts == 1).then_some(())
    })
    .await;

    replica.kill();
    drop(hanging);
    let had = uploader.offset(&path).await;

    assert_eq!(had, 60 << 20);
    uploader.patch(&path, had, &bytes[had..]).await.expect(204);
    arrived(&uploader.app, &path, &bytes).await;
    uploader.app.run(&["worker", "sweep", "--older-than", "0"]).await.expect(0);
    assert_eq!(stored(&uploader.app).len(), 2);
}

#[tokio::test]
async fn a_zombie_that_lost_the_upload_changes_nothing() {
    let uploader = Uploader::start().await;
    let bytes = noise(1_000_000, 9);
    let path = uploader.create(bytes.len()).await;
    let base = uploader.app.url("");
    let zombie = begun(&uploader, &base, &path, &bytes[..400_000]).await;

    // As if it had been out of reach for longer than its lease.
    let lapse = "UPDATE uploads SET fence = fence + 1, lease_until = NULL";
    sqlx::query(lapse).execute(&uploader.app.pool()).await.unwrap();
    assert_eq!(uploader.offset(&path).await, 0);

    assert_eq!(read_status(zombie).await, "HTTP/1.1 423");
    assert_eq!(uploader.offset(&path).await, 0);
    eventually("its part is removed", async || stored(&uploader.app).is_empty().then_some(()))
        .await;
    uploader.patch(&path, 0, &bytes).await.expect(204);
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn an_upload_that_is_taken_away_stops_whoever_is_at_it() {
    let uploader = Uploader::start().await;
    let bytes = noise(1_000_000, 10);
    let path = uploader.create(bytes.len()).await;
    let base = uploader.app.url("");
    let hanging = begun(&uploader, &base, &path, &bytes[..400_000]).await;

    uploader.call("DELETE", &path).send().await.expect(204);

    assert_eq!(read_status(hanging).await, "HTTP/1.1 423");
    eventually("nothing is left", async || stored(&uploader.app).is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_program_that_ends_in_order_keeps_what_arrived() {
    let mut uploader = Uploader::start().await;
    let bytes = noise(1_000_000, 11);
    let path = uploader.create(bytes.len()).await;
    let base = uploader.app.url("");
    let hanging = begun(&uploader, &base, &path, &bytes[..400_000]).await;

    let process = uploader.app.server().id().to_string();
    std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap();

    assert_eq!(read_status(hanging).await, "HTTP/1.1 503");
    eventually("it ends", async || uploader.app.server().status()).await;
    uploader.app.restart().await;
    assert_eq!(uploader.offset(&path).await, 400_000);
    uploader.patch(&path, 400_000, &bytes[400_000..]).await.expect(204);
    arrived(&uploader.app, &path, &bytes).await;
}

#[tokio::test]
async fn chunks_of_unknown_number_are_taken_too() {
    let uploader = Uploader::start().await;
    let path = uploader.create(10).await;
    let mut stream = TcpStream::connect(address(&uploader.app.url(""))).await.unwrap();
    let head = uploader.raw_patch(&path, 0, 0);
    let head = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    assert!(head.contains(OCTETS));

    stream
        .write_all(format!("{head}5\r\nbytes\r\n5\r\nmore!\r\n0\r\n\r\n").as_bytes())
        .await
        .unwrap();

    assert_eq!(read_status(stream).await, "HTTP/1.1 204");
    arrived(&uploader.app, &path, b"bytesmore!").await;
}
