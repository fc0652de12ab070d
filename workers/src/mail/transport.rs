//! How a message leaves: to an SMTP server, or into a folder.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::UserId;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::{Host, Url};

use super::folder::Folder;
use super::{Letter, MailServerError, MailSettingsError, Silent};
use crate::subscriber::Failed;

/// To connect, be greeted and log in.
const TO_CONNECT: Duration = Duration::from_secs(20);
/// To hand over one mail. A server that is given up too soon may have taken it (RFC 5321, 4.5.3.2.6).
const TO_HAND_OVER: Duration = Duration::from_mins(10);

#[derive(Clone)]
pub(super) enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(Folder),
}

impl Transport {
    pub(super) fn smtp(url: &SecretString) -> Result<Self, MailSettingsError> {
        let wrong = |_| MailSettingsError::Smtp;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(wrong)?
            .timeout(Some(TO_CONNECT));
        let url = Url::parse(url.expose_secret()).map_err(|_| MailSettingsError::Smtp)?;
        if let Some(host) = leaves_in_the_clear(&url) {
            let tls = TlsParameters::new(host).map_err(wrong)?;
            builder = builder.tls(Tls::Opportunistic(tls));
        }
        Ok(Self::Smtp(builder.build()))
    }

    pub(super) async fn send(&self, letter: &Letter, message: &Message) -> Result<(), Failed> {
        match self {
            Self::Smtp(server) => send(server, message).await,
            Self::Files(folder) => folder.take(letter, message.formatted()),
        }
    }

    pub(super) async fn check(&self) -> Result<(), MailServerError> {
        match self {
            Self::Smtp(server) => match connect(server).await? {
                Ok(()) => Ok(()),
                Err(error) if refuses_login(&error) => Err(MailServerError::Login),
                Err(error) => Err(error.into()),
            },
            Self::Files(_) => Ok(()),
        }
    }

    /// Returns once what was sent outlasts a loss of power.
    pub(super) async fn settle(&self) -> Result<(), Failed> {
        match self {
            // The server has said that it has taken it.
            Self::Smtp(_) => Ok(()),
            Self::Files(folder) => folder.settle().await,
        }
    }

    /// Removes what was written to that person. A server has long passed on what it took.
    pub(super) async fn forget(&self, person: UserId) -> Result<(), Failed> {
        match self {
            Self::Smtp(_) => Ok(()),
            Self::Files(folder) => folder.forget(person).await,
        }
    }
}

/// What a server says before it is told of a mail is not about the mail, whichever code it has.
async fn send(
    server: &AsyncSmtpTransport<Tokio1Executor>,
    message: &Message,
) -> Result<(), Failed> {
    let outage = |text: &str| Failed::Outage(text.to_owned());
    let away = "the mail server cannot be reached";
    let connected = connect(server).await.map_err(|_| outage(away))?;
    connected.map_err(|error| outage(unreachable(&error)))?;
    let sent = timeout(TO_HAND_OVER, server.send(message.clone())).await;
    let sent = sent.map_err(|_| Failed::Transient("the mail server did not end".to_owned()))?;
    match sent {
        Ok(_) => Ok(()),
        Err(error) if is_cut_off(&error) && !matches!(connect(server).await, Ok(Ok(()))) => {
            Err(outage(unreachable(&error)))
        }
        Err(error) => Err(refused(&error)),
    }
}

/// A connection that the server has greeted and let log in, left for the next mail.
async fn connect(
    server: &AsyncSmtpTransport<Tokio1Executor>,
) -> Result<Result<(), smtp::Error>, Silent> {
    let connected = timeout(TO_CONNECT, server.test_connection()).await;
    connected.map(|connected| connected.map(drop)).map_err(|_| Silent)
}

/// The host, where the URL leaves TLS open and the way goes beyond this machine.
fn leaves_in_the_clear(url: &Url) -> Option<String> {
    let here = match url.host()? {
        // Outside of the web's own schemes an IPv4 address is a name to the parser.
        Host::Domain(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let open = url.scheme() == "smtp" && !url.query_pairs().any(|(name, _)| name == "tls");
    (open && !here).then(|| url.host_str().unwrap_or_default().to_owned())
}

/// By the codes of RFC 4954.
fn refuses_login(error: &smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    code.is_some_and(|code| ["530", "534", "535", "538"].contains(&code.as_str()))
}

/// Whether the server did not say anything about the mail: it is away (421), or the conversation did
/// not get so far. Whether it is so for every mail, another conversation tells.
fn is_cut_off(error: &smtp::Error) -> bool {
    match error.status().map(|code| code.to_string()) {
        Some(code) => refuses_login(error) || code == "421",
        None => !error.is_client(),
    }
}

fn unreachable(error: &smtp::Error) -> &'static str {
    if refuses_login(error) {
        "the mail server refuses the login"
    } else {
        "the mail server cannot be reached"
    }
}

/// The code alone: servers like to repeat the address beside it.
fn refused(error: &smtp::Error) -> Failed {
    match error.status().map(|code| code.to_string()) {
        // About the login, not about this mail: the operator will mend it.
        Some(code) if refuses_login(error) => {
            Failed::Transient(format!("the mail server refused the login: {code}"))
        }
        Some(code) if error.is_permanent() => {
            Failed::Permanent(format!("the mail server refused: {code}"))
        }
        Some(code) => Failed::Transient(format!("the mail server put off: {code}")),
        None if error.is_client() => {
            Failed::Permanent("the mail server cannot take such a mail".to_owned())
        }
        None if error.is_timeout() => {
            Failed::Transient("the mail server did not answer in time".to_owned())
        }
        None if error.is_tls() => {
            Failed::Transient("no secure connection to the mail server".to_owned())
        }
        None => Failed::Transient("the conversation with the mail server broke off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(url: &str) -> Option<String> {
        leaves_in_the_clear(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn tls_is_tried_wherever_the_way_leaves_the_machine() {
        assert_eq!(clear("smtp://mail.example:25"), Some("mail.example".to_owned()));
        assert_eq!(clear("smtp://localhost:1025"), None);
        assert_eq!(clear("smtp://127.0.0.1:1025"), None);
        assert_eq!(clear("smtp://[::1]:1025"), None);
        assert_eq!(clear("smtp://mail.example?tls=required"), None);
        assert_eq!(clear("smtps://mail.example"), None);
    }

    #[tokio::test]
    async fn a_wrong_address_of_the_server_is_not_repeated() {
        let wrong = SecretString::from("http://user:secret@host");

        let Err(error) = Transport::smtp(&wrong) else { panic!("accepted") };

        assert!(!error.to_string().contains("secret"));
    }
}
