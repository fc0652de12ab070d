//! NATS, the mail server and the virus scanner at start. The program serves without them, and what
//! they are for waits; but where one can't be reached a line of the log says so.

use std::io;
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use url::Url;
use workers::{MailSettings, ScannerAddress};

use crate::config::NatsAddress;
use crate::error::Error;
use crate::reach::{self, Unreachable};

const NATS: &str = "NATS_URL";
/// For a server that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client whose tasks run on that runtime. Without NATS it goes on trying; a refused login is a
/// wrong value of the variable, and ends the program.
pub async fn connect_nats(address: &NatsAddress, runtime: &Handle) -> Result<Client, Error> {
    let options = || address.options().name("vetted");
    let first =
        on(runtime, tokio::time::timeout(CONNECT_TIMEOUT, connect(address, options()))).await?;
    let unreachable = match first {
        Ok(Ok(client)) => return Ok(client),
        Ok(Err(error)) if refuses(&error) => return Err(of_nats(address, cause(&error)).into()),
        Ok(Err(error)) => of_nats(address, cause(&error)),
        Err(_) => of_nats(address, "timed out".to_owned()),
    };
    tracing::warn!("{unreachable}; mails and videos wait until it can be reached");
    let retrying = connect(address, options().retry_on_initial_connect());
    Ok(on(runtime, retrying).await??)
}

async fn on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Error> {
    let done = runtime.spawn(work).await.map_err(io::Error::from);
    done.map_err(|source| Error::Io { what: "connecting to NATS", source })
}

fn connect(
    address: &NatsAddress,
    options: async_nats::ConnectOptions,
) -> impl Future<Output = Result<Client, ConnectError>> + Send + 'static {
    let servers = address.servers.clone();
    async move { options.connect(servers).await }
}

fn refuses(error: &ConnectError) -> bool {
    let kind = error.kind();
    matches!(kind, ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication)
}

fn cause(error: &ConnectError) -> String {
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "password refused".to_owned()
        }
        ConnectErrorKind::TimedOut => "timed out".to_owned(),
        ConnectErrorKind::Dns => "no such host".to_owned(),
        ConnectErrorKind::Tls => "TLS could not be set up".to_owned(),
        _ => reach::cause(error),
    }
}

fn of_nats(address: &NatsAddress, cause: String) -> Unreachable {
    let places = address.servers.iter().filter_map(|server| place(server, 4222));
    Unreachable { variable: NATS, cause, place: places.collect::<Vec<_>>().join(", ") }
}

fn place(address: &str, port: u16) -> Option<String> {
    let url = Url::parse(address).ok()?;
    Some(reach::host_and_port(url.host_str()?, url.port().unwrap_or(port)))
}

/// Warns where mails can't be handed over now.
pub async fn check_mail(url: SecretString, settings: MailSettings) {
    if let Err(unreachable) = reach_mail(&url, &settings).await {
        tracing::warn!("{unreachable}; mails wait until it can be used");
    }
}

/// Whether mails can be handed over now.
pub async fn reach_mail(url: &SecretString, settings: &MailSettings) -> Result<(), Unreachable> {
    settings.check().await.map_err(|error| {
        let place = mail_server(url.expose_secret()).unwrap_or_default();
        Unreachable { variable: "SMTP_URL", cause: reach::cause(&error), place }
    })
}

/// With the port that the scheme and `tls` stand for where there is none.
fn mail_server(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let usual = match parsed.scheme() {
        "smtps" => 465,
        _ if parsed.query_pairs().any(|(name, _)| name == "tls") => 587,
        _ => 25,
    };
    place(url, usual)
}

/// Warns where videos can't be scanned now.
pub async fn check_scanner(scanner: ScannerAddress) {
    if let Err(unreachable) = reach_scanner(&scanner).await {
        tracing::warn!("{unreachable}; videos wait until it can be reached");
    }
}

/// Whether videos can be scanned now.
pub async fn reach_scanner(scanner: &ScannerAddress) -> Result<(), Unreachable> {
    let connecting = async {
        match scanner {
            ScannerAddress::Tcp(host, port) => {
                TcpStream::connect((host.trim_matches(['[', ']']), *port)).await.map(drop)
            }
            ScannerAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
        }
    };
    let cause = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => reach::cause(&error),
        Err(_) => "timed out".to_owned(),
    };
    let place = match scanner {
        ScannerAddress::Tcp(host, port) => reach::host_and_port(host, *port),
        ScannerAddress::Unix(path) => path.display().to_string(),
    };
    Err(Unreachable { variable: "CLAMD_URL", cause, place })
}
