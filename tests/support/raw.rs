//! Requests as bytes, for what no client library sends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, TestApp};

impl TestApp {
    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        let address = self.url("").trim_start_matches("http://").to_owned();
        TcpStream::connect(address).await.unwrap()
    }

    /// Sends one request that asks for the connection to be closed, and reads the answer.
    pub async fn exchange(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = vec![];
        stream.read_to_end(&mut said).await.unwrap();
        parsed(&said)
    }
}

fn parsed(said: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(said);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let (headers, bytes) = (headers.collect(), body.as_bytes().to_vec());
    let json = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status, headers, bytes, json }
}
