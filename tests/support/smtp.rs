//! A mail server (RFC 5321) in the test's process, which takes every mail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Serves for as long as the test's runtime runs.
pub struct MailServer {
    address: String,
    taken: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// Takes that long over each mail.
    pub async fn serve(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let taken = Arc::<Mutex<Vec<String>>>::default();
        let into = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = Arc::clone(&into);
                // The client may go away at any time.
                tokio::spawn(async move { converse(stream, pause, &taken).await });
            }
        });
        Self { address, taken }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The Message-IDs of what it has taken, in order.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panic").clone()
    }
}

async fn converse(
    stream: TcpStream,
    pause: Duration,
    taken: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 tests\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut id = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    if let Some(text) = line.strip_prefix("Message-ID: ") {
                        text.clone_into(&mut id);
                    }
                }
                taken.lock().expect("no panic").push(id);
                tokio::time::sleep(pause).await;
                writer.write_all(b"250 taken\r\n").await?;
            }
            "QUIT" => return writer.write_all(b"221 bye\r\n").await,
            _ => writer.write_all(b"250 tests\r\n").await?,
        }
    }
    Ok(())
}
