//! A mail server (RFC 5321) in the test's process, which takes every mail, unless it is told to be difficult.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;

/// Nobody has an address here: 550 for each recipient.
pub const REFUSED_DOMAIN: &str = "refused.example";

/// Serves for as long as the test's runtime runs.
pub struct MailServer {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    taken: Mutex<Vec<Mail>>,
    manner: Mutex<Manner>,
    /// Over each mail.
    pause: Duration,
    /// Recipients that take longer.
    slow: (String, Duration),
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Prompt,
    /// After that long, each time.
    Tarpit(Duration),
    /// 451 to each recipient.
    PuttingOff,
    /// 554 instead of a greeting, and the connection ends.
    Refusing,
    /// No greeting, however long a client waits.
    Silent,
    /// A greeting without an end.
    Flooding,
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
        let (taken, manner) = (Mutex::default(), Mutex::new(Manner::Prompt));
        let shared = Arc::new(Shared { taken, manner, pause, slow });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reader, writer) = stream.into_split();
                let (shared, lines) = (Arc::clone(&serving), BufReader::new(reader).lines());
                // The client may go away at any time.
                tokio::spawn(Conversation { shared, lines, writer }.hold());
            }
        });
        Self { address, shared }
    }

    /// How it answers from now on.
    pub fn set_manner(&self, manner: Manner) {
        *self.shared.manner.lock().expect("no panic") = manner;
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it has taken, in order.
    pub fn taken(&self) -> Vec<Mail> {
        self.shared.taken.lock().expect("no panic").clone()
    }
}

/// A client that hands mails over.
struct Conversation {
    shared: Arc<Shared>,
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Conversation {
    async fn hold(mut self) -> std::io::Result<()> {
        match self.manner() {
            Manner::Refusing => return self.answer("554 5.7.1 go away").await,
            Manner::Silent => return std::future::pending().await,
            Manner::Flooding => loop {
                self.writer.write_all(&[b'2'; 1 << 13]).await?;
            },
            Manner::Prompt | Manner::Tarpit(_) | Manner::PuttingOff => {}
        }
        self.answer("220 tests").await?;
        let mut to = String::new();
        while let Some(line) = self.lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "DATA" => {
                    self.answer("354 go on").await?;
                    // What is cut before its end was never sent (RFC 5321, 4.1.1.4).
                    let Some(id) = self.message_id().await? else { return Ok(()) };
                    self.shared.taken.lock().expect("no panic").push(Mail { id, to: to.clone() });
                    sleep(self.shared.pause).await;
                    self.answer("250 taken").await?;
                }
                "RCPT" => {
                    let reply = self.judge(&line).await;
                    to = line;
                    self.answer(reply).await?;
                }
                "QUIT" => return self.answer("221 bye").await,
                _ => self.answer("250 tests").await?,
            }
        }
        Ok(())
    }

    fn manner(&self) -> Manner {
        *self.shared.manner.lock().expect("no panic")
    }

    /// What a recipient is worth.
    async fn judge(&self, recipient: &str) -> &'static str {
        let (domain, longer) = &self.shared.slow;
        if recipient.contains(domain) {
            sleep(*longer).await;
        }
        if self.manner() == Manner::PuttingOff {
            "451 4.7.1 come back later"
        } else if recipient.contains(&format!("@{REFUSED_DOMAIN}>")) {
            "550 5.1.1 no such mailbox"
        } else {
            "250 tests"
        }
    }

    async fn answer(&mut self, line: &str) -> std::io::Result<()> {
        if let Manner::Tarpit(pause) = self.manner() {
            sleep(pause).await;
        }
        self.writer.write_all(format!("{line}\r\n").as_bytes()).await
    }

    /// Reads a mail to its end; its Message-ID, or nothing where it was cut.
    async fn message_id(&mut self) -> std::io::Result<Option<String>> {
        let mut id = String::new();
        while let Some(line) = self.lines.next_line().await? {
            if line == "." {
                return Ok(Some(id));
            }
            if let Some(text) = line.strip_prefix("Message-ID: ") {
                text.clone_into(&mut id);
            }
        }
        Ok(None)
    }
}
