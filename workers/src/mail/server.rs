//! A mail server (RFC 5321), and connections to it that rest between two mails.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::encryption::Encryption;
use super::stream::{Bounded, wrapped};

/// To connect, be greeted and log in.
const TO_CONNECT: Duration = Duration::from_secs(20);
/// To hand over one mail. A server that is given up too soon may have taken it (RFC 5321, 4.5.3.2.6).
const TO_HAND_OVER: Duration = Duration::from_mins(10);
/// A connection that rested for longer is asked first whether it still is one.
const FRESH: Duration = Duration::from_secs(1);
/// One that rested for longer is not used any more.
const STALE: Duration = Duration::from_mins(1);

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum MailServerError {
    /// It does not take the user or the password.
    #[error("password refused")]
    Login,
    /// It takes a connection, and says nothing.
    #[error("no answer")]
    Silent,
    /// It can't be connected to.
    #[error("{0}")]
    Network(#[from] io::Error),
    /// What it says, or that it ends the conversation.
    #[error(transparent)]
    Reply(#[from] smtp::Error),
}

/// A mail server. Cheap to clone.
#[derive(Clone)]
pub(super) struct MailServer {
    options: Arc<ServerOptions>,
    resting: Arc<Mutex<Vec<(AsyncSmtpConnection, Instant)>>>,
}

/// Where it is, and what it is told first.
struct ServerOptions {
    host: String,
    port: u16,
    encryption: Encryption,
    hello: ClientId,
    login: Option<Credentials>,
}

impl MailServer {
    /// By an address as `SMTP_URL` has it; none where it is wrong.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let encryption = Encryption::of(&url)?;
        let usual = match encryption {
            Encryption::Wrapped => SUBMISSIONS_PORT,
            _ if url.query_pairs().any(|(name, _)| name == "tls") => SUBMISSION_PORT,
            _ => SMTP_PORT,
        };
        let path = url.path().trim_matches('/');
        let hello =
            if path.is_empty() { ClientId::default() } else { ClientId::Domain(path.to_owned()) };
        let login = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        let (host, port) = (url.host_str()?.to_owned(), url.port().unwrap_or(usual));
        TlsParameters::new(host.clone()).ok()?;
        let options = Arc::new(ServerOptions { host, port, encryption, hello, login });
        Some(Self { options, resting: Arc::default() })
    }

    /// Connects and logs in, unless a connection rests.
    pub(super) async fn check(&self) -> Result<(), MailServerError> {
        let connection = self.take().await?;
        self.rest(connection);
        Ok(())
    }

    /// Hands a mail over. An error of [`MailServer::check`] before is not about the mail.
    pub(super) async fn send(&self, message: &Message) -> Result<(), MailServerError> {
        let mut connection = self.take().await?;
        let (envelope, bytes) = (message.envelope(), message.formatted());
        let sent = timeout(TO_HAND_OVER, connection.send(envelope, &bytes)).await;
        // After an error the conversation is over, and lettre has said so.
        sent.map_err(|_| MailServerError::Silent)??;
        self.rest(connection);
        Ok(())
    }

    async fn take(&self) -> Result<AsyncSmtpConnection, MailServerError> {
        let opened = async {
            loop {
                let resting = self.resting().pop();
                let Some((mut connection, since)) = resting else { break };
                if since.elapsed() > STALE {
                    continue;
                }
                if since.elapsed() < FRESH || connection.test_connected().await {
                    return Ok(connection);
                }
            }
            self.options.connect().await
        };
        timeout(TO_CONNECT, opened).await.map_err(|_| MailServerError::Silent)?
    }

    fn rest(&self, connection: AsyncSmtpConnection) {
        self.resting().push((connection, Instant::now()));
    }

    fn resting(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerOptions {
    async fn connect(&self) -> Result<AsyncSmtpConnection, MailServerError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn AsyncTokioStream> = Box::new(Bounded::new(stream));
        let stream = match self.encryption {
            Encryption::Wrapped => wrapped(stream, TlsParameters::new(self.host.clone())?).await?,
            Encryption::Plain | Encryption::Opportunistic | Encryption::Required => stream,
        };
        let mut connection =
            AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await?;
        let starts_tls = match self.encryption {
            Encryption::Required => true,
            Encryption::Opportunistic => connection.can_starttls(),
            Encryption::Plain | Encryption::Wrapped => false,
        };
        if starts_tls {
            let tls = TlsParameters::new(self.host.clone())?;
            connection.starttls(tls, &self.hello).await?;
        }
        if let Some(login) = &self.login {
            let answer = connection.auth(DEFAULT_MECHANISMS, login).await;
            answer.map_err(|error| {
                let code = error.status().map(|code| code.to_string());
                let refuses = code.is_some_and(|code| is_about_login(&code));
                if refuses { MailServerError::Login } else { error.into() }
            })?;
        }
        Ok(connection)
    }
}

/// What a server says about a login, by the codes of RFC 4954.
pub(super) fn is_about_login(code: &str) -> bool {
    ["530", "534", "535", "538"].contains(&code)
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}
