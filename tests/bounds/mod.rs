//! Clients that hold on to connections and requests: nobody else has to wait for them.
//!
//! The attackers come from addresses of their own, 127.0.x.y.

mod connections;
mod flood;
mod requests;
mod unread;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::TestApp;

fn address(app: &TestApp) -> SocketAddr {
    app.url("").trim_start_matches("http://").parse().unwrap()
}

/// A connection from that address.
async fn connect_from(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
    socket.connect(to).await
}

/// A connection on which that was sent, and nothing follows.
async fn sends(from: &str, app: &TestApp, text: &str) -> TcpStream {
    let mut stream = connect_from(from, address(app)).await.unwrap();
    // The program may have closed it by now.
    let _ = stream.write_all(text.as_bytes()).await;
    stream
}

/// Whether the program closes it within that time, whatever it says before.
async fn is_closed_within(stream: &mut TcpStream, time: Duration) -> bool {
    let mut said = vec![];
    timeout(time, stream.read_to_end(&mut said)).await.is_ok()
}

/// All that the program says until it closes the connection, within that time.
async fn said_within(mut stream: TcpStream, time: Duration) -> String {
    let mut said = vec![];
    let closed = timeout(time, stream.read_to_end(&mut said)).await;
    assert!(closed.is_ok(), "the connection stays open: {}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&said).into_owned()
}

/// A head that declares a body.
fn head(request: &str, fields: &str) -> String {
    format!(
        "{request} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\
         Content-Length: 5\r\n\r\n"
    )
}
