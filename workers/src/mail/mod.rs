//! Mails: what they say, how they look, and how they leave.

mod compose;
mod domains;
mod encryption;
pub(crate) mod folder;
mod letter;
mod letters;
mod server;
mod stream;
mod transport;

use std::path::PathBuf;

use domain::{EmailAddress, UserId};
use lettre::message::Mailbox;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

use domains::{Domains, Slot};
use folder::Folder;
pub(crate) use letter::Letter;
pub(crate) use letters::Letters;
pub use server::MailServerError;
use transport::Transport;

use crate::subscriber::Failed;

/// How mails leave, and under which name.
#[derive(Clone)]
pub struct MailSettings {
    from: Mailbox,
    /// Message ids end with it.
    host: String,
    transport: Transport,
    domains: Domains,
}

/// Mail settings that can't work.
#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    /// MAIL_FROM.
    #[error("MAIL_FROM must be an address such as \"Vetted <no-reply@example.com>\"")]
    From,
    /// SMTP_URL; not repeated, since it may hold a password.
    #[error(
        "SMTP_URL must be an address such as smtp://user:password@host:587 or smtps://host, \
         with ?tls=required or ?tls=opportunistic after smtp:// if need be"
    )]
    Smtp,
}

impl MailSettings {
    /// Mails go to an SMTP server: `smtp://` (STARTTLS where another machine offers it, or as
    /// `?tls=required` says) or `smtps://`, with credentials in the URL.
    pub fn smtp(
        url: &SecretString,
        from: &str,
        public_url: &Url,
    ) -> Result<Self, MailSettingsError> {
        Self::with(Transport::smtp(url)?, from, public_url)
    }

    /// Each mail becomes a file in `folder`; the names sort by time, and tell whose they are.
    pub fn files(folder: PathBuf, from: &str, public_url: &Url) -> Result<Self, MailSettingsError> {
        Self::with(Transport::Files(Folder::new(folder)), from, public_url)
    }

    fn with(transport: Transport, from: &str, public_url: &Url) -> Result<Self, MailSettingsError> {
        let mut from: Mailbox = from.parse().map_err(|_| MailSettingsError::From)?;
        // An address without a top-level domain, such as that of the default, is no recipient's.
        if let Ok(address) = from.email.to_string().parse::<EmailAddress>() {
            from.email = address.mailbox().parse().map_err(|_| MailSettingsError::From)?;
        }
        let host = public_url.host_str().unwrap_or("localhost").to_owned();
        Ok(Self { from, host, transport, domains: Domains::default() })
    }

    /// How many letters may be on their way at once.
    pub(crate) const fn conversations(&self) -> usize {
        match self.transport {
            // A server takes its time over each; files are written together.
            Transport::Smtp(_) => 8,
            Transport::Files(_) => 1,
        }
    }

    /// How many letters are claimed together.
    pub(crate) const fn at_once(&self, most: usize) -> usize {
        match self.transport {
            // Those behind a slow one would wait for it, and be sent again where a worker is killed.
            Transport::Smtp(_) => 1,
            Transport::Files(_) => most,
        }
    }

    /// Connects to the mail server and logs in, for a warning at start. A folder always takes mails.
    pub async fn check(&self) -> Result<(), MailServerError> {
        self.transport.check().await
    }

    /// Until it returns a letter that was sent may still be lost.
    pub(crate) async fn settle(&self) -> Result<(), Failed> {
        self.transport.settle().await
    }

    /// Sends a letter; again under the same Message-ID if it has to.
    pub(crate) async fn send(&self, letter: &Letter) -> Result<(), Failed> {
        let message = compose::message(letter, &self.from, &self.host)?;
        let began = Instant::now();
        let sent = self.transport.send(letter, &message).await;
        self.domains.note(&letter.to, began.elapsed());
        sent
    }

    /// Places for letters that are sent together, one at each of their domains.
    pub(crate) fn enter(&self, letters: &[Letter]) -> Result<Vec<Slot>, Failed> {
        let addresses = letters.iter().map(|letter| letter.to.as_str());
        self.domains.enter(addresses).ok_or(Failed::NotYet)
    }

    /// Removes what was written to that person, where letters become files.
    pub(crate) async fn forget(&self, person: UserId) -> Result<(), Failed> {
        self.transport.forget(person).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_beyond_ascii_is_written_as_mail_servers_know_it() {
        let url = Url::parse("https://shop.example").expect("a URL");
        for (from, written) in [
            ("Vetted <a@m\u{fc}nchen.example>", "a@xn--mnchen-3ya.example"),
            ("Vetted <no-reply@localhost>", "no-reply@localhost"),
        ] {
            let settings = MailSettings::files(PathBuf::from("mail"), from, &url);
            assert_eq!(settings.expect("settings").from.email.to_string(), written);
        }
    }
}
