//! A mail server (RFC 5321) in the test's process, which takes every mail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// Serves for as long as the test's runtime runs.
pub struct MailServer {
    address: String,
    taken: Arc<Mutex<Vec<Mail>>>,
}

/// A mail that it has taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its Message-ID.
    pub id: String,
    /// The command that named its recipient.
    pub to: String,
}

impl MailServer {
    /// Takes that long over each mail.
    pub async fn serve(pause: Duration) -> Self {
        Self::serve_slowly(pause, "", Duration::ZERO).await
    }

    /// The same, and longer before it takes mails to a domain.
    pub async fn serve_slowly(pause: Duration, domain: &str, longer: Duration) -> Self {
        let slow = (format!("@{domain}>"), longer);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let taken = Arc::<Mutex<Vec<Mail>>>::default();
        let into = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, slow) = (Arc::clone(&into), slow.clone());
                // The client may go away at any time.
                tokio::spawn(async move { converse(stream, pause, &slow, &taken).await });
            }
        });
        Self { address, taken }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it has taken, in order.
    pub fn taken(&self) -> Vec<Mail> {
        self.taken.lock().expect("no panic").clone()
    }
}

/// Reads a mail to its end; its Message-ID, or nothing where it was cut.
async fn message_id(
    lines: &mut Lines<BufReader<OwnedReadHalf>>,
) -> std::io::Result<Option<String>> {
    let mut id = String::new();
    while let Some(line) = lines.next_line().await? {
        if line == "." {
            return Ok(Some(id));
        }
        if let Some(text) = line.strip_prefix("Message-ID: ") {
            text.clone_into(&mut id);
        }
    }
    Ok(None)
}

async fn converse(
    stream: TcpStream,
    pause: Duration,
    (domain, longer): &(String, Duration),
    taken: &Mutex<Vec<Mail>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 tests\r\n").await?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                // What is cut before its end was never sent (RFC 5321, 4.1.1.4).
                let Some(id) = message_id(&mut lines).await? else { return Ok(()) };
                taken.lock().expect("no panic").push(Mail { id, to: to.clone() });
                tokio::time::sleep(pause).await;
                writer.write_all(b"250 taken\r\n").await?;
            }
            "RCPT" => {
                if line.contains(domain) {
                    tokio::time::sleep(*longer).await;
                }
                to = line;
                writer.write_all(b"250 tests\r\n").await?;
            }
            "QUIT" => return writer.write_all(b"221 bye\r\n").await,
            _ => writer.write_all(b"250 tests\r\n").await?,
        }
    }
    Ok(())
}
